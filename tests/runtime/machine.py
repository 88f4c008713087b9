"""A real runtime in a temporary home, with a tiny image: the interpreter of this test, and nothing else."""

from __future__ import annotations

import contextlib
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from clary.core.clock import SystemClock
from clary.core.ids import uid as new_uid
from clary.core.settings import Home, Settings
from clary.runtime.alive import ProcessId, read
from clary.runtime.builder import ensure
from clary.runtime.images import resolve
from clary.runtime.index import Index
from clary.runtime.jobdir import JobDirectory
from clary.runtime.local import LocalRuntime
from clary.runtime.probe import Probe
from clary.runtime.provisioner import Provisioner
from clary.runtime.spec import Input, Output, Phase, RunSpec, Seen

TINY = """
name = "tiny"
repositories = ["tiny"]
[programs]
train = ["python", "-c", "print('trained')"]
[environment]
FROM_IMAGE = "yes"
"""
PATIENCE = 90.0  # seconds; far more than anything here takes on a busy machine
SPEAKS: tuple[Phase, ...] = ("running", "ready", "packing", "exited")


class Machine:
    """One home and the runtime on it; `again` is what a restarted controller would have."""

    def __init__(
        self,
        root: Path,
        cache: Path,
        *,
        provisioner: Provisioner | None = None,
        probe: Probe | None = None,
        folders: Sequence[Path] = (),
        warm: bool = False,
    ) -> None:
        self.home = Home(root)
        self.cache = cache
        self._settings = Settings(home=self.home, cache=cache)
        self._provisioner, self._probe, self._folders = provisioner, probe, folders
        self._warm = warm
        self.runtime = self.again()

    def again(self) -> LocalRuntime:
        """Return another runtime on the same home, which shares nothing with the first but the files."""
        return LocalRuntime(
            self._settings,
            SystemClock(),
            provisioner=self._provisioner,
            machine=self._probe,
            folders=(self.cache.parent / "tiny", *self._folders),
            index=Index(),
            warm=self._warm,
        )

    def start(
        self,
        *command: str,
        image: str = "tiny",
        program: str = "train",
        environment: Mapping[str, str] | None = None,
        inputs: Sequence[Input] = (),
        files: Mapping[str, str] | None = None,
        outputs: Sequence[Output] = (),
        instance_type: str = "ml.t3.medium",
        network: bool = True,
        serves: bool = False,
        startup: float = PATIENCE,
        grace: float = 10.0,
        uid: str = "",
        longest_call: float = 3600.0,
    ) -> str:
        """Start a run and return its uid."""
        name = uid or new_uid()
        self.runtime.start(
            RunSpec(
                uid=name,
                image=image,
                program="serve" if program == "serve" else "train",
                longest_call=timedelta(seconds=longest_call),
                command=command,
                environment=environment or {},
                inputs=tuple(inputs),
                files=files or {},
                outputs=tuple(outputs),
                instance_type=instance_type,
                network=network,
                serves=serves,
                startup_timeout=timedelta(seconds=startup),
                stop_grace=timedelta(seconds=grace),
            )
        )
        return name

    def python(self, code: str) -> str:
        """Start a run of some Python and return its uid."""
        return self.start("python", "-c", code)

    def until(self, uid: str, *phases: str) -> Seen:
        """Look until the run is in one of the phases (by default: at its end)."""
        wanted = phases or ("exited",)
        return self.look(uid, lambda seen: seen.phase in wanted)

    def look(self, uid: str, enough: Callable[[Seen], bool]) -> Seen:
        """Look until what is seen is enough."""
        until = time.monotonic() + PATIENCE
        while True:
            seen = self.runtime.inspect(uid)
            if enough(seen):
                return seen
            assert time.monotonic() < until, f"{seen}\n{self.printed(uid)}\n{self.shim_log(uid)}"
            breathe()

    def until_printed(self, uid: str, text: str) -> Seen:
        """Look until the run has printed something, to the end of its line, and its shim knows that it runs.

        A program may print before its shim has written down which process is its container.
        """

        def enough(seen: Seen) -> bool:
            return seen.phase in SPEAKS and text in self.printed(uid).rpartition("\n")[0]

        return self.look(uid, enough)

    def printed(self, uid: str) -> str:
        """Return what a run printed."""
        return self.runtime.output(uid, 0).decode(errors="replace")

    def shim_log(self, uid: str) -> str:
        """Return what a run's shim complained of."""
        path = self.home.jobs / uid / "shim.log"
        return path.read_text() if path.exists() else ""

    def job(self, uid: str) -> JobDirectory:
        """Return a run's directory."""
        return JobDirectory(self.home.jobs / uid)

    def shim(self, uid: str) -> ProcessId:
        """Return a run's shim."""
        return self._process(uid, "shim")

    def container(self, uid: str) -> ProcessId:
        """Return the first process of a run's container."""
        return self._process(uid, "container")

    def _process(self, uid: str, which: str) -> ProcessId:
        state = self.job(uid).state()
        assert state
        found = read(state[which])
        assert found
        return found

    def close(self) -> None:
        """End everything that still runs."""
        for path in self.home.jobs.iterdir():
            if not path.name.startswith("."):
                self.runtime.remove(path.name)
        self.runtime.cool()


def gone(process: ProcessId) -> None:
    """Wait until a process has ended."""
    until = time.monotonic() + PATIENCE
    while process.alive():
        assert time.monotonic() < until, f"{process} still runs"
        breathe()


def freeze(process: ProcessId) -> None:
    """Stop a process where it is, and wait until it stands still."""
    process.send(signal.SIGSTOP)
    until = time.monotonic() + PATIENCE
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] not in "TZ":
        assert time.monotonic() < until, f"{process} still runs"
        breathe()


def command_lines() -> dict[int, bytes]:
    """Return the command line of every process there is; one may end while we look."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found[int(path.parent.name)] = path.read_bytes()
    return found


def breathe() -> None:
    """Let the others run for a moment: what we look for is made by other processes."""
    select.select([], [], [], 0.005)


def build_tiny(root: Path) -> Path:
    """Make the tiny image and build its environment; return the cache it is in."""
    folder = root / "tiny" / "tiny"
    folder.mkdir(parents=True)
    (folder / "image.toml").write_text(TINY)
    cache = root / "cache"
    ensure(resolve("tiny", (root / "tiny",)), cache, Index())
    return cache
