"""Keeps the gateway and the controller of a home alive; it holds no state and decides nothing."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO

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
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    restart_at: float = 0.0

    def start(self) -> None:
        """Start the process; it dies with the supervisor, so that no gateway outlives its home's lock."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "clary.app", self.role],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                preexec_fn=_die_with_parent,
            )
        self.started = time.monotonic()

    def tend(self) -> None:
        """Restart the process if it is gone, later and later when it keeps dying."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is None:
            if now - self.started > _STEADY:
                self.failures = 0
            return
        if self.process is not None:
            self.restart_at = now + _BACKOFF[min(self.failures, len(_BACKOFF) - 1)]
            self.failures += 1
            self.process = None
        if now >= self.restart_at:
            self.start()

    def stop(self) -> None:
        """Ask the process to drain and end."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)


@dataclass
class Supervisor:
    """The processes of one home, from the lock to the last child's end."""

    settings: Settings
    children: list[Child] = field(default_factory=list)
    stopping: bool = False
    _lock: IO[str] | None = None

    def start(self) -> dict[str, object]:
        """Take the home, start everything, and return what `server.json` says once the gateway answers."""
        home = self.settings.home
        for directory in (home.root, home.run, home.logs, home.keys):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o700)
        self._take_lock(home)
        (home.run / "gateway.json").unlink(missing_ok=True)
        environment = self._environment()
        gateway = Child("gateway", environment, home.logs / "gateway.log")
        self.children.append(gateway)
        gateway.start()
        told = self._wait_for_gateway(gateway)
        shared = {**environment, "CLARY_PORT": str(told["port"]), "CLARY_PROXY_PORT": str(told["proxy_port"])}
        gateway.environment = shared
        others = [Child("gateway", shared, gateway.log) for _ in range(self.settings.gateways - 1)]
        others.append(Child("controller", shared, home.logs / "controller.log"))
        for child in others:
            child.start()
            self.children.append(child)
        (home.root / "port").write_text(str(told["port"]))
        server: dict[str, object] = {
            "pid": os.getpid(),
            "port": told["port"],
            "proxy_port": told["proxy_port"],
            "region": self.settings.region,
            "account": self.settings.account,
            "started": datetime.now(UTC).isoformat(),
        }
        temporary = home.run / "server.json.new"
        temporary.write_text(json.dumps(server))
        temporary.replace(home.run / "server.json")
        return server

    def run(self) -> None:
        """Tend the children until SIGTERM or SIGINT, then end them."""
        signal.signal(signal.SIGTERM, self._asked_to_stop)
        signal.signal(signal.SIGINT, self._asked_to_stop)
        while not self.stopping:
            for child in self.children:
                child.tend()
            time.sleep(0.1)
        self.stop()

    def stop(self) -> None:
        """End every child, the controller last, and give the home back."""
        (self.settings.home.run / "server.json").unlink(missing_ok=True)
        for child in self.children:
            child.stop()
        deadline = time.monotonic() + STOP_TIMEOUT
        for child in self.children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        if self._lock is not None:
            self._lock.close()

    def _take_lock(self, home: Home) -> None:
        lock = (home.run / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise AlreadyRunning(str(home.root)) from error
        self._lock = lock

    def _environment(self) -> dict[str, str]:
        port = self.settings.port
        remembered = self.settings.home.root / "port"
        if port == 0 and remembered.exists() and _is_free(int(remembered.read_text())):
            port = int(remembered.read_text())  # running containers know the server by this port
        return {
            **os.environ,
            "CLARY_HOME": str(self.settings.home.root),
            "CLARY_PORT": str(port),
            "CLARY_REGION": self.settings.region,
            "CLARY_ACCOUNT_ID": self.settings.account,
            "CLARY_CACHE": str(self.settings.cache),
            "CLARY_STRICT": str(int(self.settings.strict)),
        }

    def _wait_for_gateway(self, gateway: Child) -> dict[str, int]:
        path = self.settings.home.run / "gateway.json"
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline:
            if path.exists():
                told: dict[str, int] = json.loads(path.read_text())
                return told
            if gateway.process is not None and gateway.process.poll() is not None:
                break
            time.sleep(0.01)
        gateway.stop()
        tail = gateway.log.read_text(errors="replace").splitlines()[-15:]
        raise NotReady("\n".join(tail) or "the gateway ended without a word")

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _is_free(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


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
