"""Keeps one container of an engine for its shim: creates it, starts it, passes signals on, tells its end.

`python -m clary.runtime.oci_keeper DIRECTORY REPORT_FD SHIM_PID`. It speaks as `init` does inside a sandbox:
`up` once the program runs, `oom` if memory ran out, `end STATUS` (a wait status). SIGTERM goes to the
program, SIGUSR1 ends the container; that comes from the kernel too, should the shim die. Nothing is left when
it ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from clary.core.document import Document
from clary.runtime.engine import Engine
from clary.runtime.jobdir import JobDirectory
from clary.runtime.oci_arguments import container_name
from clary.runtime.sandbox import INTERPRETER

_KILL = signal.SIGUSR1
_HEARD = {_KILL, signal.SIGTERM, signal.SIGCHLD}
_PR_SET_PDEATHSIG = 1
_FIRST_LOOKS, _LATER = 0.02, 5.0  # seconds between looks, before the program runs and after
_NOT_RUN = (126, 127)  # exit codes of an engine's start, as a shell has them
_PORT = 8080
_TAIL = 2048  # bytes of the log that an engine's complaint fits in
LIBRARY = ctypes.CDLL(None)


class Keeper:
    """One container from its creation to its removal."""

    def __init__(self, job: JobDirectory, report: int) -> None:
        launch = job.launch()
        if launch is None or launch.engine is None:
            raise FileNotFoundError(job.path / "launch.json")
        self.job, self.report, self.launch = job, report, launch
        self.engine: Engine = launch.engine
        self.name = container_name(job.uid)
        self.up = self.removed = False
        self.relays: list[subprocess.Popen[bytes]] = []

    def live(self) -> int:
        """Take the container to its end; the exit code says whether there was one."""
        words = json.loads((self.job.path / "oci.json").read_text(encoding="utf-8"))
        made = self.engine.call(*words, timeout=120)
        try:
            if made.returncode:
                sys.stderr.write(made.stderr)
                return 1
            attached = self._spawn(self.engine.argv("start", "--attach", "--sig-proxy=false", self.name))
            self._watch(attached)
            return self._tell(attached.returncode)
        finally:
            for relay in self.relays:
                relay.kill()
            self.engine.remove(self.name)

    def _watch(self, attached: subprocess.Popen[bytes]) -> None:
        while attached.poll() is None:
            got = signal.sigtimedwait(_HEARD, _LATER if self.up else _FIRST_LOOKS)
            number = got.si_signo if got else 0
            if number == _KILL:
                self.removed = True
                self.engine.remove(self.name)
            elif number == signal.SIGTERM:
                self.engine.call("kill", "--signal", "TERM", self.name)
            elif not self.up and (pid := self._pid()):
                self._say("up")
                self._relay(pid)

    def _tell(self, code: int) -> int:
        """Say how the program ended; without an `end` the shim knows that it was killed."""
        state = self._state()
        if self.removed or state is None:
            return 0
        if state["Running"]:  # what was attached has died, not the container
            self._watch(self._spawn(self.engine.argv("wait", self.name), quiet=True))
            state = self._state() or {**state, "ExitCode": 137}
        if state["Status"] in ("created", "configured", "initialized"):
            code = code if code in _NOT_RUN else self._not_run()
            if not code:
                return 1
        else:
            code = int(state["ExitCode"])
        if not self.up:
            self._say("up")
        if state.get("OOMKilled"):
            self._say("oom")
        self._say(f"end {code - 128 if 128 < code < 128 + signal.NSIG else code << 8}")
        return 0

    def _not_run(self) -> int:
        """Return the exit code for a program that the image does not have; 0 for the engine's own failure."""
        with self.job.log.open("rb") as log:
            log.seek(max(0, self.job.log.stat().st_size - _TAIL))
            words = log.read().decode(errors="replace")
        if "exec" not in words:
            return 0
        if "not found" in words or "no such file" in words:
            return 127
        return 126 if "permission denied" in words else 0

    def _say(self, word: str) -> None:
        self.up = True
        os.write(self.report, f"{word}\n".encode())

    def _pid(self) -> int:
        """Return the program's process, 0 while there is none."""
        if self.engine.kind == "podman":
            path = self.job.path / "oci.pid"
            return int(path.read_text() or 0) if path.exists() else 0
        state = self._state()
        return int(state["Pid"]) if state else 0

    def _state(self) -> Document | None:
        found = self.engine.inspect("container", self.name)
        state: Document | None = found["State"] if found else None
        return state

    def _relay(self, pid: int) -> None:
        """Join a server's port 8080 to its socket, and this machine's API to its loopback."""
        spec = self.job.spec()
        if not spec.serves:
            return
        share = self.launch.sockets / "share"
        self._pipe(pid, f"unix:{share / 'http.sock'}", f"tcp:127.0.0.1:{_PORT}")
        api = urlsplit(spec.environment.get("AWS_ENDPOINT_URL", ""))
        if spec.network and api.port and api.hostname == "127.0.0.1":
            out = f"unix:{share / 'api.sock'}"
            self._pipe(0, out, f"tcp:127.0.0.1:{api.port}")
            self._pipe(pid, f"tcp:127.0.0.1:{api.port}", out)

    def _pipe(self, pid: int, here: str, there: str) -> None:
        words = ["-m", "clary.runtime.oci_relay", str(pid), here, there]
        self.relays.append(self._spawn([sys.executable, *INTERPRETER, *words], own=True))

    def _spawn(self, argv: list[str], *, quiet: bool = False, own: bool = False) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the engine, or our own module
            argv,
            env=dict(os.environ if own else self.engine.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if quiet else None,
            cwd="/",
            start_new_session=True,
            preexec_fn=_mortal,
        )


def _mortal() -> None:
    """Hear every signal again, and die with the keeper."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):  # the shim, or its parent, ignores them
        signal.signal(number, signal.SIG_DFL)
    LIBRARY.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def main(arguments: list[str]) -> int:
    """Keep the container of one job directory."""
    directory, report, shim = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    os.set_inheritable(report, False)
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    LIBRARY.prctl(_PR_SET_PDEATHSIG, int(_KILL), 0, 0, 0)
    if os.getppid() != shim:  # it died before it could be followed
        return 1
    return Keeper(JobDirectory(directory), report).live()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
