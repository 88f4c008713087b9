"""Keeps the gateway and the controller of a home alive; it decides nothing, and holds only their sockets.

Whoever connects while a gateway is being replaced waits in its socket's queue for the next one.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO

from clary.core.listening import listen, port_of
from clary.core.settings import Home, Settings

_PR_SET_PDEATHSIG = 1
READY_TIMEOUT = 30.0  # seconds; a gateway answers within 2, a slow disk may take longer
STOP_TIMEOUT = 15.0  # seconds a child has to drain before it is killed
_BACKOFF = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # seconds before the n-th restart in a row
_STEADY = 30.0  # seconds after which a child counts as healthy again


class AlreadyRunning(Exception):
    """Another supervisor holds this home."""


class NotReady(Exception):
    """The server did not come up; the message holds its last words."""


@dataclass
class Child:
    """One supervised process."""

    role: str
    environment: dict[str, str]
    log: Path
    listeners: tuple[socket.socket, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    restart_at: float = 0.0

    def start(self) -> None:
        """Start the process; it dies with the supervisor, so that no gateway outlives its home's lock."""
        descriptors = [listener.fileno() for listener in self.listeners]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "clary.app", self.role],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self.environment, "CLARY_LISTENERS": ",".join(map(str, descriptors))},
                pass_fds=descriptors,
                preexec_fn=_die_with_parent,
            )
        self.started = time.monotonic()

    def tend(self) -> None:
        """Restart the process if it is gone, later and later when it keeps dying."""
        now = time.monotonic()
        if self.alive():
            if now - self.started > _STEADY:
                self.failures = 0
            return
        if self.process is not None:
            self.restart_at = now + _BACKOFF[min(self.failures, len(_BACKOFF) - 1)]
            self.failures += 1
            self.process = None
        if now >= self.restart_at:
            self.start()

    def alive(self) -> bool:
        """Say whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ask the process to drain and end."""
        if self.process is not None and self.alive():
            self.process.send_signal(how)


@dataclass
class Supervisor:
    """The processes of one home, from the lock to the last child's end."""

    settings: Settings
    children: list[Child] = field(default_factory=list)
    stopping: bool = False
    renewing: bool = False
    leaving: list[Child] = field(default_factory=list)
    """Gateways that were replaced and still have calls to finish."""
    _renewed: int = 0
    _kept: int = 0
    _why: str = ""
    _started: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    _lock: IO[str] | None = None

    def start(self) -> None:
        """Take the home, start everything, and say where in `server.json` once the gateway answers."""
        home = self.settings.home
        for directory in (home.root, home.run, home.logs, home.keys):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o700)
        self._take_lock(home)
        for told in home.run.glob("gateway*.json"):
            told.unlink()
        pairs = self._listen()
        environment = self._environment([port_of(listener) for listener in pairs[0]])
        signal.signal(signal.SIGUSR1, self._asked_to_renew)
        for pair in pairs:
            self.children.append(Child("gateway", environment, home.logs / "gateway.log", pair))
        self.children.append(Child("controller", environment, home.logs / "controller.log"))
        self.children[0].start()
        self._wait_for(self.children[0])
        for child in self.children[1:]:
            child.start()
        self._tell()

    def run(self) -> None:
        """Tend the children until SIGTERM or SIGINT, then end them; replace them at each SIGUSR1."""
        signal.signal(signal.SIGTERM, self._asked_to_stop)
        signal.signal(signal.SIGINT, self._asked_to_stop)
        while not self.stopping:
            if self.renewing:
                self.renewing = False
                self._renew()
            self._mind()
            time.sleep(0.1)
        self.stop()

    def stop(self) -> None:
        """End every child, the controller last, and give the home back."""
        (self.settings.home.run / "server.json").unlink(missing_ok=True)
        ending = [*self.leaving, *self.children]
        for child in ending:
            for listener in child.listeners:
                listener.close()
            child.stop()
        deadline = time.monotonic() + STOP_TIMEOUT
        for child in ending:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        if self._lock is not None:
            self._lock.close()

    def _mind(self) -> None:
        """Restart what is gone, and forget what has left."""
        for child in self.children:
            child.tend()
        self.leaving = [child for child in self.leaving if child.alive()]

    def _renew(self) -> None:
        """Replace every process: a gateway once another takes calls beside it, then the controller."""
        for place, child in enumerate([*self.children]):
            if not child.listeners:
                self._replace(child)
                continue
            successor = Child(child.role, child.environment, child.log, child.listeners)
            successor.start()
            try:
                self._wait_for(successor, self._mind)
            except NotReady as error:
                self.leaving.append(successor)
                self._give_up(place, str(error))
                return
            child.stop(signal.SIGUSR1)
            self.leaving.append(child)
            self.children[place] = successor
        if not self.stopping:
            self._renewed += 1
            self._tell()

    def _replace(self, controller: Child) -> None:
        """Have a controller finish what it is at, though not for ever, and start another once it is gone."""
        old, deadline = controller.process, time.monotonic() + STOP_TIMEOUT
        controller.stop()
        while old is not None and controller.process is old and old.poll() is None and not self.stopping:
            if time.monotonic() > deadline:
                old.kill()
            for child in self.children:
                if child is not controller:
                    child.tend()
            time.sleep(0.01)
        if not self.stopping:
            controller.start()

    def _give_up(self, replaced: int, last_words: str) -> None:
        """Say how far the replacing came, to whoever asked for it too."""
        if self.stopping:
            return
        self._why = "The server was not restarted, and goes on as it was."
        if replaced:
            gateways = sum(1 for child in self.children if child.listeners)
            self._why = (
                f"The server was not restarted as a whole: {replaced} of its {gateways} gateways were "
                "replaced; the others, and the controller, go on as they were."
            )
        print(f"{self._why} A new gateway did not start: {last_words}", file=sys.stderr, flush=True)
        self._kept += 1
        self._tell()

    def _take_lock(self, home: Home) -> None:
        lock = (home.run / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise AlreadyRunning(str(home.root)) from error
        self._lock = lock

    def _listen(self) -> list[tuple[socket.socket, socket.socket]]:
        """Bind the ports of the API and of the redirect, once for each gateway process."""
        host, shared = self.settings.host, self.settings.gateways > 1
        ports, pairs = [self._port(), self.settings.proxy_port], []
        try:
            for number in range(max(1, self.settings.gateways)):
                api, redirect = (listen(host, port, shared=shared, alone=number == 0) for port in ports)
                ports = [port_of(api), port_of(redirect)]
                pairs.append((api, redirect))
        except OSError as error:
            raise NotReady(f"It cannot listen on {host}:{ports[0]}: {error}") from error
        return pairs

    def _port(self) -> int:
        """Return the port to listen on; running containers know the server by the one it had."""
        remembered = self.settings.home.root / "port"
        if self.settings.port or not remembered.exists():
            return self.settings.port
        port = int(remembered.read_text())
        try:
            listen(self.settings.host, port).close()
        except OSError:
            return 0
        return port

    def _environment(self, ports: Sequence[int]) -> dict[str, str]:
        return {
            **os.environ,
            "CLARY_HOME": str(self.settings.home.root),
            "CLARY_PORT": str(ports[0]),
            "CLARY_PROXY_PORT": str(ports[1]),
            "CLARY_REGION": self.settings.region,
            "CLARY_ACCOUNT_ID": self.settings.account,
            "CLARY_CACHE": str(self.settings.cache),
            "CLARY_STRICT": str(int(self.settings.strict)),
        }

    def _wait_for(self, gateway: Child, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Return once a gateway process has said that it takes calls; not, once the server is to stop."""
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline and not self.stopping:
            if gateway.process is not None and gateway.process.pid in self._announced():
                return
            if not gateway.alive():
                break
            meanwhile()
            time.sleep(0.01)
        gateway.stop()
        tail = gateway.log.read_text(errors="replace").splitlines()[-15:]
        raise NotReady("\n".join(tail) or "the gateway ended without a word")

    def _announced(self) -> set[int]:
        told = (path.read_text() for path in self.settings.home.run.glob("gateway*.json"))
        return {json.loads(text)["pid"] for text in told}

    def _tell(self) -> None:
        """Write down where the server is, and how often its processes were replaced, or why not."""
        home = self.settings.home
        port, proxy_port = (port_of(listener) for listener in self.children[0].listeners)
        (home.root / "port").write_text(str(port))
        server: dict[str, object] = {
            "pid": os.getpid(),
            "port": port,
            "proxy_port": proxy_port,
            "region": self.settings.region,
            "account": self.settings.account,
            "started": self._started,
            "gateways": sum(1 for child in self.children if child.listeners),
            "renewed": self._renewed,
            "not_renewed": self._kept,
            "why": self._why,
        }
        temporary = home.run / "server.json.new"
        temporary.write_text(json.dumps(server))
        temporary.replace(home.run / "server.json")

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _asked_to_renew(self, _number: int, _frame: FrameType | None) -> None:
        self.renewing = True


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    """Run detached: started by `clary up --detach` in a session of its own."""
    supervisor = Supervisor(Settings.from_environment(os.environ))
    try:
        supervisor.start()
    except (AlreadyRunning, NotReady) as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(1)
    supervisor.run()


if __name__ == "__main__":
    main()
