"""The queue: what takes an accepted run to a shim, in order, under one lock of all processes.

A run waits in the queue as long as its directory has no `launch.json`. That file is the reservation: it is
written before the shim is started and counts until there is an `exit.json`, so a restarted controller sees
the same.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from clary.core.settings import Home
from clary.runtime import images, oci, warm
from clary.runtime.builder import Build
from clary.runtime.engine import Engine
from clary.runtime.gang import Gang, gang_of
from clary.runtime.images import ImageFile
from clary.runtime.index import Index
from clary.runtime.jobdir import JobDirectory, now_text, tag
from clary.runtime.launch import Image, Launch, Share
from clary.runtime.oci import OciImage
from clary.runtime.probe import Probe
from clary.runtime.provisioner import Provisioner, Taken, Waiting
from clary.runtime.sandbox import INTERPRETER
from clary.runtime.spec import Seen

_LONGEST_SOCKET = 107  # bytes of a unix socket's path
_FRESH = 0.2  # seconds; many waiting runs are looked at together, and one walk of the queue serves all
_SOCKET = "share/http.sock"
_SOURCES = Path(__file__).resolve().parents[2]


class Admission:
    """Decides which run goes next and starts its shim. It remembers nothing but the children it must reap."""

    def __init__(
        self,
        home: Home,
        cache: Path,
        *,
        provisioner: Provisioner,
        machine: Probe,
        folders: Sequence[Path],
        index: Index,
        keep_warm: bool,
    ) -> None:
        self._home, self._cache, self._provisioner = home, cache, provisioner
        self._machine, self._folders, self._index = machine, folders, index
        self._warm = keep_warm
        self._waiting: dict[str, Seen] = {}
        self._advanced = 0.0
        self._ended: set[str] = set()
        self._children: list[subprocess.Popen[bytes]] = []
        self._builders: dict[str, subprocess.Popen[bytes]] = {}
        self._live = home.jobs / ".live"
        self._live.mkdir(parents=True, exist_ok=True, mode=0o700)
        home.jobs.chmod(0o700)

    def enter(self, uid: str) -> None:
        """Give a run its place in the queue."""
        (self._live / f"{time.time_ns():020d}-{uid}").touch()

    def make_room(self, uid: str) -> None:
        """Let others have what a run held that ended, the first time that is seen."""
        if uid not in self._ended:
            self._ended.add(uid)
            self.advance()

    def leave(self, uid: str) -> None:
        """Forget a run that is gone."""
        self._advanced = 0.0
        self._ended.discard(uid)
        for marker in self._live.glob(f"*-{uid}"):
            marker.unlink(missing_ok=True)

    def reap(self) -> None:
        """Collect the children that ended."""
        self._children = [child for child in self._children if child.poll() is None]

    def look(self, uid: str) -> Seen | None:
        """Return what a waiting run waits for, advancing the queue unless that was done a moment ago."""
        known = self._waiting.get(uid)
        if known and time.monotonic() - self._advanced < _FRESH:
            return known
        return self.advance().get(uid)

    def advance(self) -> dict[str, Seen]:
        """Take every waiting run as far as it can go; return what the ones still waiting look like."""
        waiting: dict[str, Seen] = {}
        with self._locked():
            taken, queue = self._census()
            ahead = {True: 0, False: 0}
            queued = [(job, gang_of(self._home.jobs, job, job.spec())) for job in queue]
            # Who may be interrupted lets the others pass.
            queued.sort(key=lambda pair: (not pair[1].cut_off, pair[1].specs[0].interruptible))
            for job, gang in queued:
                serves = gang.specs[0].waits
                seen = self._admit(job, gang, taken, 0 if gang.cut_off else ahead[serves])
                if seen:
                    waiting[job.uid] = seen
                    last = job.uid == gang.members[-1].uid  # a job counts once, however many hosts it has
                    ahead[serves] += last and gang.whole and seen.phase == "queued"
        self._waiting, self._advanced = waiting, time.monotonic()
        return waiting

    def spawn(self, job: JobDirectory) -> None:
        """Start a run's shim in a session of its own. A second one for the same run ends at once,
        harmlessly.
        """
        with (job.path / "shim.log").open("ab") as log:
            self._children.append(
                subprocess.Popen(  # noqa: S603 - our own module
                    [sys.executable, *INTERPRETER, "-m", "clary.runtime.shim", str(job.path)],
                    env={"PYTHONPATH": str(_SOURCES), "LANG": "C.UTF-8", "PATH": os.defpath},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    start_new_session=True,
                )
            )

    def _census(self) -> tuple[list[Taken], list[JobDirectory]]:
        taken: list[Taken] = []
        queue: list[JobDirectory] = []
        for marker in sorted(self._live.iterdir()):
            job = JobDirectory(self._home.jobs / marker.name.partition("-")[2])
            if not job.path.exists() or job.exit():
                marker.unlink(missing_ok=True)
                continue
            launch = job.launch()
            if launch:
                spec = job.spec()
                taken.append(
                    Taken(
                        uid=job.uid,
                        share=launch.share,
                        serves=spec.waits,
                        interruptible=spec.interruptible,
                    )
                )
            else:
                queue.append(job)
        return taken, queue

    def _admit(self, job: JobDirectory, gang: Gang, taken: list[Taken], ahead: int) -> Seen | None:
        """Start a run and its gang if image and capacity are there; otherwise tell what it waits for."""
        if job.asked():
            refuse(job, "", note="The run was stopped before it started.")
            return None
        if job.launch():  # with another of its gang, a moment ago
            return None
        if not gang.whole:
            return Seen(phase="queued", note="Waiting for the other hosts of the job.")
        spec = gang.specs[0]
        try:
            source = oci.resolve(spec.image, self._folders)
        except ValueError as error:
            refuse(job, f"ClientError: {error}")
            return None
        if isinstance(source, OciImage):
            image, engine = source.image(), source.engine
        else:
            image, engine = source.image(self._cache, self._index, images.tag_of(spec.image)), None
            build = Build(self._cache, image.key)
            if not build.ready():
                return self._build(job, source, build)
        kind: Literal["job", "server"] = "server" if spec.waits else "job"
        hosts = self._provisioner.reserve(gang.types(), kind, gang.others(taken), ahead)
        if isinstance(hosts, Waiting):
            if not (spec.interruptible or spec.waits or ahead):
                self._reclaim(gang, taken)
            return Seen(phase="queued", note=f"Number {hosts.ahead + 1} in the queue, {hosts.why}.")
        self._start(gang, image, [host.share for host in hosts], engine)
        taken[:] = gang.others(taken)
        taken += [
            Taken(uid=each.uid, share=host.share, serves=spec.waits, interruptible=spec.interruptible)
            for each, host in zip(gang.members, hosts, strict=True)
        ]
        return None

    def _start(self, gang: Gang, image: Image, shares: Sequence[Share], engine: Engine | None) -> None:
        """Write down every reservation; only then is anybody started."""
        slot = None
        for job, share in zip(gang.members, shares, strict=True):
            launch = self._launch(job, image, share, engine)
            if self._warm and not engine and len(gang.members) == 1:
                slot = warm.take(self._home.jobs, launch, gang.specs[0])
            if not job.launch():
                job.write_launch(launch)
        for job in gang.members:
            if slot is None or not warm.hand_over(slot, job.uid):
                self.spawn(job)

    def _reclaim(self, gang: Gang, taken: list[Taken]) -> None:
        """Ask for the capacity of as few interruptible runs as make room, the youngest first."""
        going = [run for run in taken if run.interruptible]
        going.sort(key=lambda run: JobDirectory(self._home.jobs / run.uid).reclaimed())  # asked: first to go
        left = list(taken)
        asked: list[Taken] = []
        while going:
            asked.append(going.pop())
            left.remove(asked[-1])
            if not isinstance(self._provisioner.reserve(gang.types(), "job", left, 0), Waiting):
                for run in asked:
                    JobDirectory(self._home.jobs / run.uid).reclaim()
                return

    def _build(self, job: JobDirectory, source: ImageFile, build: Build) -> Seen | None:
        accepted = (job.path / "spec.json").stat().st_mtime
        if build.failed.exists() and build.failed.stat().st_mtime > accepted:
            refuse(job, f"InternalServerError: {build.failed.read_text(encoding='utf-8')}")
            return None
        builder = self._builders.get(build.key)
        if builder and builder.poll():  # it ended with an error that it did not write down
            del self._builders[build.key]
            words = build.out.read_text(errors="replace").strip()[-400:] or "its builder was killed"
            refuse(
                job,
                f"InternalServerError: The image {source.name} could not be built: {words}. Start the job "
                f"again to build it once more; all that was said is in {build.out}.",
            )
            return None
        if (builder is None or builder.poll() is not None) and not build.running():
            self._builders[build.key] = self._builder(source, build)
        words = build.last_words()
        return Seen(
            phase="building", note=f"Building the image {source.name}" + (f": {words}" if words else ".")
        )

    def _builder(self, source: ImageFile, build: Build) -> subprocess.Popen[bytes]:
        build.prefix.parent.mkdir(parents=True, exist_ok=True)
        with build.out.open("wb") as out:
            builder = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "clary.runtime.builder", str(source.folder), str(self._cache)],
                env={**os.environ, "PYTHONPATH": str(_SOURCES)},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        if builder.stdin:
            with builder.stdin as settings:
                settings.write(self._index.encode().encode())
        return builder

    def _launch(self, job: JobDirectory, image: Image, share: Share, engine: Engine | None) -> Launch:
        level = self._machine.capabilities.level
        return Launch(
            image=image,
            share=share,
            sandbox="oci" if engine else self._machine.sandbox,
            bwrap=self._machine.bwrap,
            engine=engine,
            disable_userns=self._machine.disable_userns,
            sockets=sockets(self._home, job.uid),
            wake=self._home.run / "wake.sock",
            note="" if engine or level == "namespaces" else self._machine.capabilities.words[0],
            warm=self._warm,
            mounts=self._index.directories(),
            environment=self._index.environment(),
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._home.jobs / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def refuse(job: JobDirectory, failure: str, *, note: str = "") -> None:
    """End a run that never got a container."""
    job.write_exit(
        {
            "exit_code": None,
            "signal": None,
            "out_of_memory": False,
            "failure": failure,
            "started": None,
            "ended": now_text(),
            "outputs": {},
            "note": note,
            "lost": False,
        }
    )


def sockets(home: Home, uid: str) -> Path:
    """Return a run's directory for unix sockets: near the home, or a short private one where that is too
    long.
    """
    near = home.run / "s" / tag(uid)
    if len(os.fsencode(near / _SOCKET)) <= _LONGEST_SOCKET:
        near.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return near
    digest = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:12]
    shared = Path(tempfile.gettempdir()) / f"clary-{os.geteuid()}-{digest}"
    shared.mkdir(mode=0o700, exist_ok=True)
    status = shared.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o077 or shared.is_symlink():
        raise PermissionError(f"{shared} belongs to somebody else or is open to others; remove it.")
    return shared / tag(uid)
