"""The files of one run, read and written so that a reader never meets half of one."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clary.core.document import Document
from clary.runtime.launch import Launch, read_launch
from clary.runtime.spec import Input, Item, Mount, Output, Piece, Pipe, RunSpec, Transform


class JobDirectory:
    """One run's directory; `clary.runtime.spec` lists what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ml = path / "ml"
        self.out = path / "out"
        self.etc = path / "etc"
        self.tmp = path / "tmp"
        self.home = path / "home"
        self.inputs = path / "inputs"
        self.log = path / "stdout.log"
        self.data_log = path / "data.log"
        self.lock = path / "shim.lock"

    @property
    def uid(self) -> str:
        """The run's name."""
        return self.path.name

    def spec(self) -> RunSpec:
        """Return what to run."""
        document = read_document(self.path / "spec.json")
        if document is None:
            raise FileNotFoundError(self.path / "spec.json")
        return _decode(document)

    def write_spec(self, spec: RunSpec) -> None:
        """Keep what to run; it may hold a credential token, so only the owner can read it."""
        write(self.path / "spec.json", _encode(spec))

    def launch(self) -> Launch | None:
        """Return the reservation, if there is one."""
        document = read_document(self.path / "launch.json")
        return read_launch(document) if document else None

    def write_launch(self, launch: Launch) -> None:
        """Keep the reservation. It counts from here on, whoever restarts."""
        write(self.path / "launch.json", launch.document())

    def state(self) -> Document | None:
        """Return the shim's last word on its phase."""
        return read_document(self.path / "state.json")

    def write_state(self, state: Document) -> None:
        """Replace the phase at once."""
        write(self.path / "state.json", state)

    def exit(self) -> Document | None:
        """Return how the run ended, if it did."""
        return read_document(self.path / "exit.json")

    def write_exit(self, document: Document) -> None:
        """Write how the run ended, for good: it is on disk when this returns, and nothing replaces it."""
        write(self.path / "exit.json", document, synced=True, replace=False)

    def asked(self) -> str:
        """Return "kill" or "stop" if somebody asked for that, else nothing."""
        for wish in ("kill", "stop"):
            if (self.path / wish).exists():
                return wish
        return ""

    def reclaimed(self) -> bool:
        """Tell whether a run that may not be interrupted waits for this one's capacity."""
        return (self.path / "reclaim").exists()

    def reclaim(self) -> None:
        """Let the run's controller know that its capacity is wanted."""
        (self.path / "reclaim").touch()

    def ask(self, wish: str) -> None:
        """Ask for "stop" or "kill"; the request outlives everybody."""
        (self.path / wish).touch()


def write(path: Path, document: Document, *, synced: bool = False, replace: bool = True) -> None:
    """Write a JSON file, mode 0600, in one step; without `replace` the first writer wins."""
    draft = path.with_name(f".{path.name}.{threading.get_native_id()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(document, file, separators=(",", ":"), ensure_ascii=False)
        if synced:
            file.flush()
            os.fsync(file.fileno())
    if replace:
        draft.replace(path)
    else:
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # the first word stands
        except OSError:  # a file system without hard links
            if not path.exists():
                draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    if synced:
        sync_directory(path.parent)


def tag(uid: str) -> str:
    """Return a short name that no other run has: runs of one record share the beginning of their uids."""
    return hashlib.sha256(uid.encode()).hexdigest()[:12]


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def now_text() -> str:
    """Return the time for a state file; the shim has no clock but the machine's."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def time_of(text: str | None) -> datetime | None:
    """Return the time that `now_text` wrote."""
    return datetime.fromisoformat(text) if text else None


def read_document(path: Path) -> Document | None:
    """Return a JSON file that `write` wrote, if it is there."""
    try:
        document: Document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return document


def _encode(spec: RunSpec) -> Document:
    return {
        "uid": spec.uid,
        "image": spec.image,
        "program": spec.program,
        "command": list(spec.command),
        "arguments": list(spec.arguments),
        "environment": dict(spec.environment),
        "host": spec.host,
        "hosts": list(spec.hosts),
        "gang": list(spec.gang),
        "instance_type": spec.instance_type,
        "inputs": [
            {"source": str(i.source), "target": i.target, "unpack": i.unpack, "writable": i.writable}
            for i in spec.inputs
        ],
        "pipes": [_encode_pipe(pipe) for pipe in spec.pipes],
        "mounts": [
            {"root": str(m.root), "path": m.path, "target": m.target, "writable": m.writable}
            for m in spec.mounts
        ],
        "files": dict(spec.files),
        "outputs": [
            {"directory": o.directory, "name": o.name, "always": o.always, "packed": o.packed}
            for o in spec.outputs
        ],
        "saved": list(spec.saved),
        "network": spec.network,
        "interruptible": spec.interruptible,
        "serves": spec.serves,
        "startup_timeout": spec.startup_timeout.total_seconds(),
        "stop_grace": spec.stop_grace.total_seconds(),
        "longest_call": spec.longest_call.total_seconds(),
        "kept": spec.kept.total_seconds(),
        "transform": _encode_transform(spec.transform) if spec.transform else None,
    }


def _decode(document: Document) -> RunSpec:
    members = {
        **document,
        "command": tuple(document["command"]),
        "arguments": tuple(document["arguments"]),
        "hosts": tuple(document["hosts"]),
        "gang": tuple(document.get("gang", ())),
        "inputs": tuple(Input(**{**i, "source": Path(i["source"])}) for i in document["inputs"]),
        "pipes": tuple(_decode_pipe(pipe) for pipe in document.get("pipes", ())),
        "mounts": tuple(Mount(**{**m, "root": Path(m["root"])}) for m in document.get("mounts", ())),
        "outputs": tuple(Output(**o) for o in document["outputs"]),
        "saved": tuple(document.get("saved", ())),
        "startup_timeout": timedelta(seconds=document["startup_timeout"]),
        "kept": timedelta(seconds=document.get("kept", 0)),
        "stop_grace": timedelta(seconds=document["stop_grace"]),
        "longest_call": timedelta(seconds=document.get("longest_call", 3600)),
        "transform": _decode_transform(document["transform"]) if document.get("transform") else None,
    }
    return RunSpec(**members)


def _encode_transform(transform: Transform) -> Document:
    items = [[str(item.source), item.name, item.uri] for item in transform.items]
    return {**vars(transform), "items": items}


def _decode_transform(document: Document) -> Transform:
    items = tuple(Item(source=Path(source), name=name, uri=uri) for source, name, uri in document["items"])
    return Transform(**{**document, "items": items})


def _encode_pipe(pipe: Pipe) -> Document:
    groups = [
        [{"source": str(p.source)} if p.source else {"text": p.text} for p in group] for group in pipe.groups
    ]
    return {
        "channel": pipe.channel,
        "groups": groups,
        "seed": pipe.seed,
        "share": list(pipe.share),
        "gunzip": pipe.gunzip,
        "wrapped": pipe.wrapped,
    }


def _decode_pipe(document: Document) -> Pipe:
    groups = tuple(
        tuple(Piece(source=Path(p["source"])) if "source" in p else Piece(text=p["text"]) for p in group)
        for group in document["groups"]
    )
    number, of = document["share"]
    return Pipe(**{**document, "groups": groups, "share": (number, of)})
