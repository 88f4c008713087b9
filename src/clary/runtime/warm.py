"""Warm workers: a sandbox started ahead for an image that was just used, its interpreter's imports done.

A slot is a directory `jobs/.warm/<id>/` with a shim, like a run's. It serves one run, once: the run's
reservation goes to it instead of to a new shim, its directories are renamed into the run's, and its
interpreter becomes the program, if that is the image's own or a script in Python. What could make a
difference to the program (another entry point, another host name, variables that libraries read when
imported, another number of CPUs, large inputs to show) is started afresh instead. A slot that nobody took
ends by itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from clary.core.document import Document
from clary.runtime import cgroups, container, control
from clary.runtime.bwrap import INSIDE_PRELOAD, own_variables
from clary.runtime.container import Container
from clary.runtime.jobdir import JobDirectory, tag
from clary.runtime.launch import Launch, Share
from clary.runtime.place import COPIED_UP_TO
from clary.runtime.sandbox import INTERPRETER, program_of, variables
from clary.runtime.spec import RunSpec

KEPT_SECONDS = 300.0
MOST_SLOTS = 4
COPIED_IN_ALL = 64 << 20  # bytes of inputs that a run may copy because a running sandbox takes no new mounts
_FREE_TO_START, _FREE_TO_STAY = 0.30, 0.10  # of the machine's memory
_SENSITIVE = (
    "ARROW", "BLIS", "CUDA", "GOMP", "HF_", "JAX", "JOBLIB", "KERAS", "KMP", "LANG", "LC_", "LD_", "LOKY",
    "MALLOC", "MKL", "MPL", "NPY", "NUMBA", "NUMEXPR", "NUMPY", "OMP", "OPENBLAS", "PANDAS", "PATH",
    "PYARROW", "PYTHON", "PYTORCH", "RAYON", "SCIPY", "SKLEARN", "TF_", "TOKENIZERS", "TORCH",
    "TRANSFORMERS", "TZ", "VECLIB", "XDG", "XGB", "XLA",
)  # fmt: skip
_HARMLESS = ("AWS_", "CLARY_", "SAGEMAKER_", "SM_")
"""What the names of variables begin with that no library which an image imports ahead reads when imported."""
PYTHONS = ("python", "python3")  # which PATH leads to the image's own interpreter
_TICK = 5.0
_AHEAD = 2  # workers that get ready at once for runs in the queue
_MOVED = ("ml", "etc", "tmp", "home", "stdout.log", "shim.log")


class Slot:
    """One warm worker, seen by its own shim."""

    def __init__(self, job: JobDirectory, launch: Launch) -> None:
        self.job, self.launch = job, launch
        self.run: JobDirectory | None = None
        self.group = cgroups.create(f"warm-{tag(job.uid)}", launch.share.memory)
        self.server = open_sockets(launch)
        self._ready, written = os.pipe()
        order, self._go = os.pipe()
        spec = RunSpec(
            uid=job.uid,
            image=launch.image.name,
            program="train",
            command=("python", INSIDE_PRELOAD, str(order), str(written), *launch.image.warm),
        )
        container.sandbox_of(launch).prepare(job, spec, launch)
        self.container = container.start(job, spec, launch, (), self.group, (order, written))

    def wait(self) -> JobDirectory | None:
        """Return the run that takes this slot, or nothing when its time is over."""
        born = time.time()
        poller = select.poll()
        for descriptor in (self._ready, self.container.report, self.server.fileno()):
            poller.register(descriptor, select.POLLIN)
        while _wanted(self.job, born) and self.job.path.exists() and free_memory() > _FREE_TO_STAY:
            ready = {descriptor for descriptor, _ in poller.poll(_TICK * 1000)}
            if self._ready in ready:
                poller.unregister(self._ready)
                if os.read(self._ready, 16):
                    (self.job.path / "ready").touch()
            if self.container.report in ready and not self.container.read():
                return None
            if self.server.fileno() in ready:
                control.serve(self.server, self._answer)
            if self.run:
                return self.run
        return None

    def end(self) -> None:
        """End a slot that nobody took."""
        self.container.kill()
        self.container.wait()
        if self.group:
            self.group.end()
        self.server.close()
        for path in (self.job.path, self.launch.sockets):
            shutil.rmtree(path, ignore_errors=True)

    def go(self, spec: RunSpec, launch: Launch) -> Container:
        """Let the interpreter become the run's program, within the run's own limits."""
        if self.group:
            self.group.limit(launch.share.memory)
            for thread in self.group.threads() if launch.share.cpus else ():
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(thread, launch.share.cpus)
        order = {
            **way_in(spec, program_of(spec, launch)),
            "environment": variables(spec, launch, base=own_variables(spec)),
        }
        os.write(self._go, json.dumps(order).encode() + b"\n")
        os.close(self._go)
        return self.container

    def _answer(self, words: list[str]) -> bytes:
        if words == ["leave"]:
            shutil.rmtree(self.job.path, ignore_errors=True)
            return b"ok\n"
        if words[:1] == ["take"] and self._adopt(JobDirectory(self.job.path.parents[1] / words[1])):
            return b"ok\n"
        return b"no\n"

    def _adopt(self, run: JobDirectory) -> bool:
        """Make the slot's directories the run's; from here on the run's files tell of it."""
        launch = run.launch()
        self._held = run.lock.open("w")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if launch is None or run.state() is not None or run.exit() is not None:
            return False
        for name in _MOVED:
            (self.job.path / name).rename(run.path / name)
        self.launch.sockets.rename(launch.sockets)
        shutil.rmtree(self.job.path)
        self.run = run
        return True


def open_sockets(launch: Launch) -> socket.socket:
    """Make a launch's directories for sockets and listen for whoever controls its shim."""
    for directory in (launch.sockets, launch.sockets / "share"):
        directory.mkdir(exist_ok=True, mode=0o700)
    return control.listen(launch.sockets / "shim.sock")


def slots(jobs: Path) -> Iterator[JobDirectory]:
    """Yield every slot there is, warm or on its way."""
    for path in sorted((jobs / ".warm").glob("[!.]*")):
        yield JobDirectory(path)


def take(jobs: Path, launch: Launch, spec: RunSpec) -> Launch | None:
    """Return the launch of a slot that suits a run, or nothing."""
    if not _suits(spec):
        return None
    for slot in slots(jobs):
        theirs = slot.launch() if (slot.path / "ready").exists() else None
        if theirs and _alike(theirs) == _alike(launch) and _current(slot, launch):
            return theirs
    return None


def hand_over(slot: Launch, uid: str) -> bool:
    """Give a slot to a run; tell whether it took it."""
    return control.ask(slot.sockets / "shim.sock", f"take {uid}") == b"ok\n"


def leave(jobs: Path, launch: Launch, kept: float = 0.0, *, most: int = 1) -> subprocess.Popen[bytes] | None:
    """Start a slot for the next run of an image, unless there are `most`, too many, or too little memory.

    Either way it stays for at least `kept` seconds.
    """
    if not launch.image.warm or launch.sandbox != "bwrap" or not launch.warm:
        return None
    folder = jobs / ".warm"
    folder.mkdir(exist_ok=True, mode=0o700)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = [slot for slot in slots(jobs) if _alive(slot)]
        same = [
            slot
            for slot in found
            if (theirs := slot.launch()) and _alike(theirs) == _alike(launch) and _current(slot, launch)
        ]
        for slot in same:
            _keep(slot, kept)
        if len(same) >= most or len(found) >= MOST_SLOTS or free_memory() < _FREE_TO_START:
            return None
        name = secrets.token_hex(16)
        draft = JobDirectory(folder / f".{name}")
        draft.path.mkdir(mode=0o700)
        draft.ml.mkdir()
        sockets = launch.sockets.with_name(name[: len(launch.sockets.name)])
        share = Share(memory=launch.share.memory, cpus=launch.share.cpus)
        draft.write_launch(replace(launch, sockets=sockets, share=share, note=""))
        _keep(draft, kept)
        draft.path.rename(folder / name)
    return _spawn(folder / name)


def expected(jobs: Path, image: str) -> int:
    """Return for how many runs in the queue it pays to have workers of an image get ready now, two at most.

    One gets ready while the one before it is used: imports may take longer than a short job.
    """
    found = 0
    for marker in sorted((jobs / ".live").iterdir()):
        run = JobDirectory(jobs / marker.name.partition("-")[2])
        if not (run.path / "launch.json").exists() and not run.exit():
            with contextlib.suppress(FileNotFoundError):
                if run.spec().image != image:
                    break
                found += 1
        if found == _AHEAD:
            break
    return found


def cool(jobs: Path) -> None:
    """End every slot: their directories go, and their shims with them."""
    for slot in slots(jobs):
        launch = slot.launch()
        if launch is None or control.ask(launch.sockets / "shim.sock", "leave") is None:
            shutil.rmtree(slot.path, ignore_errors=True)


def way_in(spec: RunSpec, argv: Sequence[str]) -> Document:
    """Return how a waiting interpreter becomes a program: as a module of the image's, as a script of its own
    interpreter, or by executing it afresh, as a script is too that has variables of its own.
    """
    python, first, *rest = (*argv, "")
    if python in PYTHONS and first == "-m" and rest[0] and not spec.command:
        return {"argv": ["-m", *argv[3:]], "module": argv[2], "script": ""}
    plain = all(name.startswith(_HARMLESS) for name in spec.environment)
    if python in PYTHONS and first.startswith("/") and first.endswith(".py") and plain:
        return {"argv": list(argv[1:]), "module": "", "script": first}
    return {"argv": list(argv), "module": "", "script": ""}


def free_memory() -> float:
    """Return the part of the machine's memory that is available."""
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return float(fields["MemAvailable"].split()[0]) / float(fields["MemTotal"].split()[0])


def _suits(spec: RunSpec) -> bool:
    copied = [item for item in spec.inputs if not item.unpack and not item.writable]
    sizes = [item.source.stat().st_size for item in copied if item.source.exists()]
    return (
        spec.network
        and not spec.mounts
        and spec.host == "algo-1"
        and spec.hosts == ("algo-1",)
        and not any(name.startswith(_SENSITIVE) for name in spec.environment)
        and sum(size for size in sizes if size > COPIED_UP_TO) <= COPIED_IN_ALL
    )


def _alike(launch: Launch) -> tuple[object, ...]:
    image = launch.image
    cpus = len(launch.share.cpus) or len(os.sched_getaffinity(0))
    made = (tuple(image.programs.items()), tuple(image.environment.items()))
    return (image.key, image.folder, image.toolkit, *made, cpus, launch.mounts)


def _current(slot: JobDirectory, launch: Launch) -> bool:
    """Tell whether the image's own programs are still what the slot imported."""
    made = (slot.path / "launch.json").stat().st_mtime
    folders = [folder for folder in (launch.image.folder, launch.image.toolkit) if folder]
    return all(path.stat().st_mtime < made for folder in folders for path in folder.rglob("*.py"))


def _keep(slot: JobDirectory, seconds: float) -> None:
    """Let a slot stay for at least so long: the time of the file's change is when it may end."""
    path, until = slot.path / "kept", time.time() + seconds
    if seconds and not (path.exists() and path.stat().st_mtime > until):
        path.touch()
        os.utime(path, (until, until))


def _wanted(slot: JobDirectory, born: float) -> bool:
    """Tell whether a slot's time is not over yet."""
    until = born + KEPT_SECONDS
    with contextlib.suppress(FileNotFoundError):
        until = max(until, (slot.path / "kept").stat().st_mtime)
    return time.time() < until


def _alive(slot: JobDirectory) -> bool:
    """Tell whether a slot is still somebody's; one whose shim is gone is cleared away."""
    with slot.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    if time.time() - slot.path.stat().st_mtime < _TICK:
        return True  # it is just being started
    shutil.rmtree(slot.path, ignore_errors=True)
    return False


def _spawn(path: Path) -> subprocess.Popen[bytes]:
    with (path / "shim.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, *INTERPRETER, "-m", "clary.runtime.shim", "--warm", str(path)],
            env=os.environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
