"""Runs containers on this machine. Everything it knows it reads from the job directories, each time.

A run's directory is made whole beside its place and renamed: from then on the run exists, and a LocalRuntime
in any process can take it further, look at it or end it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.settings import Settings
from clary.runtime import alive, cgroups, control, oci, oci_container, saved, usage
from clary.runtime import warm as warm_workers
from clary.runtime.admission import Admission, refuse
from clary.runtime.index import Index, from_pip
from clary.runtime.jobdir import JobDirectory, now_text, time_of
from clary.runtime.local_provisioner import LocalProvisioner
from clary.runtime.place import hold
from clary.runtime.probe import Probe, probe
from clary.runtime.provisioner import Provisioner
from clary.runtime.removal import remove_tree
from clary.runtime.spec import RunSpec, Seen
from clary.runtime.transform import ledger

_SHIM_STARTS = 2.0  # seconds; a shim that has not spoken by then is started again
_SHIM_TRIES = 15  # times that it is started again before its run is lost, each after so many seconds
_SAVES_FOR = 2.0  # seconds of one step of its controller; what is left is saved in the next
_KILLED_WITHIN = 3.0  # seconds that `remove` gives a shim to end its run in order


class LocalRuntime:
    """The runtime of one machine; see `clary.runtime.spec.Runtime`."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        provisioner: Provisioner | None = None,
        machine: Probe | None = None,
        folders: Sequence[Path] = (),
        index: Index | None = None,
        warm: bool = True,
    ) -> None:
        self._home, self._clock = settings.home, clock
        self._machine = machine or probe()
        self._folders = (*folders, settings.home.root / "images")
        self._unheard_of: dict[str, tuple[int, float]] = {}  # how often shims were started again, and when
        self._admission = Admission(
            settings.home,
            settings.cache,
            provisioner=provisioner or LocalProvisioner(),
            machine=self._machine,
            folders=self._folders,
            keep_warm=warm,
            index=index or from_pip(os.environ),  # pip's own variables are no settings of ours
        )

    def start(self, spec: RunSpec) -> None:
        """Ask for a run; asking again for the same uid changes nothing."""
        job = self._job(spec.uid)
        if job.path.exists():
            return
        draft = JobDirectory(self._home.jobs / f".new-{spec.uid}-{time.time_ns()}")
        draft.path.mkdir(mode=0o700)
        draft.ml.mkdir()
        try:
            image = oci.resolve(spec.image, self._folders)
            isolation = image if isinstance(image, oci.OciImage) else self._machine.capabilities
            failure = isolation.refuses(spec)
            hold(draft, spec)
        except ValueError as error:
            failure = f"ClientError: {error}"
        except FileNotFoundError as error:
            failure = f"ClientError: The input {error.filename} was deleted before the run started."
        draft.write_spec(spec)
        if failure:
            refuse(draft, failure)
        self._admission.enter(spec.uid)
        try:
            draft.path.rename(job.path)
        except OSError:  # somebody asked for the same run at the same time
            remove_tree(draft.path)
        self._admission.advance()

    def inspect(self, uid: str) -> Seen:
        """Look at the world: state and exit files, process start times, the queue, the image builder."""
        job = self._job(uid)
        self._admission.reap()
        if not job.path.exists():
            return Seen()
        ended = job.exit()
        if ended is None and job.launch() is None:
            waiting = self._admission.look(uid)
            if waiting:
                return waiting
            ended = job.exit()
        if ended:
            self._admission.make_room(uid)
            return _ended(ended)
        state = job.state()
        if state is None:
            return self._unheard(job)
        shim = alive.read(state["shim"])
        if shim is None or not shim.alive():
            return _lost(job, f"its shim ended without a word while the run was {state['phase']}")
        return self._living(job, state)

    def stop(self, uid: str) -> None:
        """Send SIGTERM to the program, and SIGKILL once the spec's grace is over."""
        self._wish(uid, "stop")

    def kill(self, uid: str) -> None:
        """Send SIGKILL at once."""
        self._wish(uid, "kill")

    def remove(self, uid: str) -> None:
        """End the run if it lives, release its capacity, delete its directory."""
        job = self._job(uid)
        if job.path.exists():
            launch = job.launch()
            if launch and job.exit() is None:
                self._end(job)
            if launch:
                remove_tree(launch.sockets)
            trash = self._home.jobs / f".old-{uid}-{time.time_ns()}"
            job.path.rename(trash)
            for left in self._home.jobs.glob(".old-*"):  # one that was killed may have left some
                remove_tree(left)
        self._admission.leave(uid)
        self._unheard_of.pop(uid, None)

    def output(self, uid: str, offset: int, limit: int = 1 << 20) -> bytes:
        """Return what the program printed, from byte `offset`."""
        return control.tail(self._job(uid).log, offset, limit)

    def data_log(self, uid: str, offset: int, limit: int = 1 << 20) -> bytes:
        """Return what was said of a transform's requests, from byte `offset`."""
        return control.tail(self._job(uid).data_log, offset, limit)

    def usage(self, uid: str, offset: int) -> bytes:
        """Return what the run was measured to use, from byte `offset`."""
        return usage.read(self._job(uid), offset)

    def unsaved(self, uid: str, directory: str, *, rested: timedelta) -> bool:
        """Tell whether files under `ml/<directory>` changed since `save`; not within `rested` after it."""
        return saved.unsaved(self._job(uid), directory, rested=rested)

    def save(self, uid: str, directory: str, keep: Callable[[str, Path], None]) -> tuple[str, ...]:
        """Let `keep` take changed files (name, a copy that is gone afterwards), for a short while; return
        what is never taken, and why.
        """
        return saved.save(self._job(uid), directory, keep, budget=_SAVES_FOR)

    def cool(self) -> None:
        """End the warm workers that wait for a run."""
        warm_workers.cool(self._home.jobs)

    def runs(self) -> Mapping[str, datetime]:
        """Return every run there is, ended ones included, and since when; for finding what nobody owns."""
        found: dict[str, datetime] = {}
        for spec in self._home.jobs.glob("*/spec.json"):
            with contextlib.suppress(FileNotFoundError):
                found[spec.parent.name] = datetime.fromtimestamp(spec.stat().st_mtime, UTC)
        return {uid: since for uid, since in found.items() if not uid.startswith(".")}

    def _job(self, uid: str) -> JobDirectory:
        if not uid or "/" in uid or uid.startswith("."):
            raise ValueError(
                f"{uid!r} is not a run's uid; it is one file name that does not start with a dot."
            )
        return JobDirectory(self._home.jobs / uid)

    def _living(self, job: JobDirectory, state: Document) -> Seen:
        launch = job.launch()
        notes = [launch.share.note, launch.note] if launch else []
        return Seen(
            phase=state["phase"] if state["phase"] != "exited" else "packing",
            note=" ".join(filter(None, [*notes, state.get("note", "")])),
            started=time_of(state["started"]),
            socket=launch.sockets / "share" / "http.sock"
            if launch and state["phase"] in ("ready", "unhealthy")
            else None,
            reclaimed=job.reclaimed(),
            outputs={name: Path(path) for name, path in ledger.outputs(job).items()},
        )

    def _unheard(self, job: JobDirectory) -> Seen:
        """Look at a run whose shim has not spoken yet: whoever was to start it may be gone."""
        try:
            age = time.time() - (job.path / "launch.json").stat().st_mtime
        except FileNotFoundError:
            return Seen()
        tries, last = self._unheard_of.get(job.uid, (0, 0.0))
        if age < _SHIM_STARTS or time.monotonic() - last < _SHIM_STARTS:
            return Seen(phase="starting")
        if tries == _SHIM_TRIES:
            return _lost(job, f"its shim could not be started ({_last_line(job.path / 'shim.log')})")
        self._unheard_of[job.uid] = (tries + 1, time.monotonic())
        self._admission.spawn(job)
        return Seen(phase="starting")

    def _wish(self, uid: str, wish: str) -> None:
        job = self._job(uid)
        if not job.path.exists() or job.exit():
            return
        job.ask(wish)
        launch = job.launch()
        if launch is None:
            self._admission.advance()
        elif control.ask(launch.sockets / "shim.sock", "poke") is None:
            state = job.state()
            shim = alive.read(state["shim"]) if state else None
            if shim:
                shim.send(signal.SIGTERM)  # its socket is gone; it looks at the wishes on this signal too

    def _end(self, job: JobDirectory) -> None:
        self._wish(job.uid, "kill")
        until = time.monotonic() + _KILLED_WITHIN
        while job.exit() is None and time.monotonic() < until:
            state = job.state()
            shim = alive.read(state["shim"]) if state else None
            if state and not (shim and shim.alive()):
                break
            time.sleep(0.01)
        state = job.state()
        shim = alive.read(state["shim"]) if state else None
        if shim and job.exit() is None:
            shim.send(signal.SIGKILL)
        oci_container.sweep(job)
        _sweep(state)


def _ended(ended: Document) -> Seen:
    return Seen(
        phase="exited",
        note=ended["note"],
        started=time_of(ended["started"]),
        ended=time_of(ended["ended"]),
        exit_code=ended["exit_code"],
        signal=ended["signal"],
        out_of_memory=ended["out_of_memory"],
        failure=ended["failure"],
        message=ended.get("message", ""),
        lost=ended["lost"],
        outputs={name: Path(path) for name, path in ended["outputs"].items()},
    )


def _lost(job: JobDirectory, how: str) -> Seen:
    """End what is left of a run whose shim is gone, and write down that it was lost; never a success."""
    ended = job.exit()
    if ended is None:
        state = job.state()
        oci_container.sweep(job)
        _sweep(state)
        job.write_exit(
            {
                "exit_code": None,
                "signal": None,
                "out_of_memory": False,
                "failure": f"InternalServerError: The host of this run was lost: {how}. Nothing it had not "
                "saved is left; start the job again.",
                "started": state["started"] if state else None,
                "ended": now_text(),
                "outputs": ledger.outputs(job),
                "note": "",
                "lost": True,
            }
        )
        ended = job.exit()
    return _ended(ended) if ended else Seen()


def _sweep(state: Document | None) -> None:
    """End what a dead shim left: its container dies with it, but nothing is taken on trust."""
    container = alive.read(state["container"]) if state else None
    if container:
        container.send(signal.SIGKILL)
    group = cgroups.read(state["cgroup"]) if state else None
    if group:
        group.end()


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "it said nothing"
