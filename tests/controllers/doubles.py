"""A runtime written by hand, for tests of controllers: runs are what the test says they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clary.runtime.spec import Phase, RunSpec, Seen


@dataclass
class StagedRuntime:
    """Keeps every run in memory. `calls` lists what was asked that changes anything."""

    root: Path
    seen: dict[str, Seen] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    specs: dict[str, RunSpec] = field(default_factory=dict)
    printed: dict[str, bytes] = field(default_factory=dict)
    said: dict[str, bytes] = field(default_factory=dict)
    used: dict[str, bytes] = field(default_factory=dict)
    written: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    never: tuple[str, ...] = ()

    def start(self, spec: RunSpec) -> None:
        """Begin a run, once."""
        self.calls.append(("start", spec.uid))
        if spec.uid not in self.seen:
            self.specs[spec.uid] = spec
            self.seen[spec.uid] = Seen(phase="starting")

    def inspect(self, uid: str) -> Seen:
        """Tell what the test set up."""
        return self.seen.get(uid, Seen())

    def stop(self, uid: str) -> None:
        """Take the request down."""
        self.calls.append(("stop", uid))

    def kill(self, uid: str) -> None:
        """End the run as SIGKILL does."""
        self.calls.append(("kill", uid))
        if uid in self.seen:
            self.seen[uid] = replace(self.seen[uid], phase="exited", signal=9, exit_code=None)

    def remove(self, uid: str) -> None:
        """Forget the run."""
        self.calls.append(("remove", uid))
        self.seen.pop(uid, None)

    def output(self, uid: str, offset: int, limit: int = 1 << 20) -> bytes:
        """Return what the test let the run print."""
        return self.printed.get(uid, b"")[offset : offset + limit]

    def data_log(self, uid: str, offset: int, limit: int = 1 << 20) -> bytes:
        """Return what the test lets be said of a transform."""
        return self.said.get(uid, b"")[offset : offset + limit]

    def usage(self, uid: str, offset: int) -> bytes:
        """Return what the test says the run used."""
        return self.used.get(uid, b"")[offset:]

    def unsaved(self, uid: str, directory: str, *, rested: timedelta) -> bool:
        """Tell whether the test wrote something that was not saved."""
        return bool(self.written.get((uid, directory)))

    def save(self, uid: str, directory: str, keep: Callable[[str, Path], None]) -> tuple[str, ...]:
        """Let everything be taken that the test wrote, and say what it says is never taken."""
        self.calls.append(("save", uid))
        for name, content in self.written.get((uid, directory), {}).items():
            copy = self.root / f"copy-{uid}"
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.unlink(missing_ok=True)
            copy.write_bytes(content)
            keep(name, copy)
        self.written.pop((uid, directory), None)
        return self.never

    def runs(self) -> Mapping[str, datetime]:
        """Return every run, since the time the test set up."""
        return {uid: self.since.get(uid, datetime.min.replace(tzinfo=UTC)) for uid in self.seen}

    def reach(self, uid: str, phase: Phase, at: datetime) -> None:
        """Let a run be in a phase."""
        started = None if phase in ("queued", "building", "starting", "preparing") else at
        self.seen[uid] = Seen(phase=phase, started=started)

    def succeed(self, uid: str, started: datetime, ended: datetime, *, model: bytes = b"model") -> None:
        """Let a run end well, with a model if it is not empty."""
        outputs: dict[str, Path] = {}
        if model:
            outputs["model.tar.gz"] = self.root / uid / "out" / "model.tar.gz"
            outputs["model.tar.gz"].parent.mkdir(parents=True, exist_ok=True)
            outputs["model.tar.gz"].write_bytes(model)
        self.seen[uid] = Seen(phase="exited", started=started, ended=ended, exit_code=0, outputs=outputs)
