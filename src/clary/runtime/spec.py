"""What the controllers ask of a runtime, and what it tells them.

A *run* is one container of one attempt: `uid` names it for ever, `home.jobs/<uid>/` holds it:

    spec.json    what to run (mode 0600: it may hold a credential token)
    state.json   phase, shim pid and start time, container pid and start time; replaced atomically
    stdout.log   the container's output, standard error included, append-only
    data.log     what the driver of a transform said of its requests, append-only
    transformed/ its outputs; see `clary.runtime.transform.ledger`
    usage.jsonl  what the container uses of its host, append-only; see `clary.runtime.usage`
    reclaim      a run that may not be interrupted waits for this one's capacity
    exit.json    how it ended; written once, the authority
    ml/          bound at /opt/ml
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

Phase = Literal[
    "absent",
    "queued",
    "building",
    "starting",
    "preparing",
    "running",
    "ready",
    "unhealthy",
    "packing",
    "exited",
]
"""`preparing`: inputs are put in place. `ready`: a server answered /ping. `unhealthy`: it did, and now says
that it is not well. `packing`: outputs are packed."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """One file to place under `ml/` before the program starts.

    `source` is a content file of the object store, never written to; `target` a path relative to /opt/ml.
    With `unpack` the source is a gzip'd tar that is extracted, safely, into the directory `target`. A
    `writable` one is the program's own copy, however large.
    """

    source: Path
    target: str
    unpack: bool = False
    writable: bool = False


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What a pipe carries at a time: a content file of the object store, or a short text."""

    source: Path | None = None
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Pipe:
    """A channel that is streamed: named pipes `input/data/<channel>_<epoch>`, fed from epoch 0 on.

    Each of `groups` stays together. With a `seed` their order is another in each epoch; after that a host of
    several, `share` = (its number, how many), is given its own part. `gunzip` unpacks files on the way,
    `wrapped` makes each piece one RecordIO record.
    """

    channel: str
    groups: tuple[tuple[Piece, ...], ...]
    seed: int | None = None
    share: tuple[int, int] = (0, 1)
    gunzip: bool = False
    wrapped: bool = False


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A directory of this machine to show under /opt/ml/`target`: `path`, relative to `root`.

    No link is followed on the way from the one to the other.
    """

    root: Path
    path: str
    target: str
    writable: bool = False


@dataclass(frozen=True, kw_only=True)
class Output:
    """A directory under `ml/` packed into `out/<name>` (a gzip'd tar) once the program has ended, however it
    did.

    With `always` there is an archive even when the directory is empty. One that is not `packed` becomes the
    directory `out/<name>` with its regular files.
    """

    directory: str
    name: str
    always: bool = True
    packed: bool = True


@dataclass(frozen=True, kw_only=True)
class Item:
    """One object to transform: a content file of the object store, what its output is called, and its URI."""

    source: Path
    name: str
    uri: str


@dataclass(frozen=True, kw_only=True)
class Transform:
    """Requests to drive at the run's server once it answers /ping: one output for each item.

    What is None is asked of the server at /execution-parameters. `payload_mb` 0 streams objects whole.
    `inference_time` is what each record of the output is to name with an id of its own, if anything.
    """

    items: tuple[Item, ...]
    split: Literal["None", "Line", "RecordIO", "TFRecord"] = "None"
    strategy: str | None = None
    payload_mb: int | None = None
    concurrency: int | None = None
    content_type: str = ""
    accept: str = ""
    gunzip: bool = False
    lines: bool = False
    input_filter: str = "$"
    output_filter: str = "$"
    join: bool = False
    inference_time: str = ""
    timeout: int = 600
    retries: int = 3


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything one run needs. `files` are small texts to write under `ml/` (path → content), `saved` the
    directories under `ml/` that are taken to safety while the program runs. An `interruptible` run may lose
    its capacity to others. `kept` is for how long its warm worker stays, where that is longer than usual.
    `gang` names the runs of all hosts of a job of several, its own among them, in the order of `hosts`: they
    start together or not at all, and reach each other by those names. A run with a `transform` ends when all
    its requests are answered.
    """

    uid: str
    image: str
    program: Literal["train", "serve", "process"]
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    host: str = "algo-1"
    hosts: tuple[str, ...] = ("algo-1",)
    gang: tuple[str, ...] = ()
    instance_type: str = "ml.m5.large"
    inputs: tuple[Input, ...] = ()
    pipes: tuple[Pipe, ...] = ()
    mounts: tuple[Mount, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    saved: tuple[str, ...] = ()
    network: bool = True
    interruptible: bool = False
    serves: bool = False
    startup_timeout: timedelta = timedelta(minutes=10)
    stop_grace: timedelta = timedelta(seconds=120)
    longest_call: timedelta = timedelta(hours=1)  # for which a server may not answer /ping: it may be busy
    kept: timedelta = timedelta(0)
    transform: Transform | None = None

    @property
    def waits(self) -> bool:
        """Tell whether the run is idle most of the time: a server that waits for calls."""
        return self.serves and self.transform is None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the runtime can tell of one run. It is asked each time, never remembered.

    `note` is for the user: the queue position, the image being built, an instance type that was clamped, the
    isolation level in force. `failure` is a complete sentence naming cause and cure, `message` the beginning
    of what a processing program left in output/message. `lost` says that nobody knows how the run ended,
    `reclaimed` that one that may not be interrupted waits for its capacity. Of a run that lives `outputs` has
    a transform's only.
    """

    phase: Phase = "absent"
    note: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    signal: int | None = None
    out_of_memory: bool = False
    failure: str = ""
    message: str = ""
    lost: bool = False
    outputs: Mapping[str, Path] = field(default_factory=dict)
    socket: Path | None = None
    reclaimed: bool = False


class Runtime(Protocol):
    """Runs containers. Calls are idempotent and keyed by the run's uid; none blocks for longer than a
    fork.
    """

    def start(self, spec: RunSpec) -> None:
        """Ask for a run; asking again for the same uid changes nothing."""
        ...

    def inspect(self, uid: str) -> Seen:
        """Look at the world: state and exit files, process start times, the queue, the image builder."""
        ...

    def stop(self, uid: str) -> None:
        """Send SIGTERM to the program, and SIGKILL once the spec's grace is over."""
        ...

    def kill(self, uid: str) -> None:
        """Send SIGKILL at once."""
        ...

    def remove(self, uid: str) -> None:
        """End the run if it lives, release its capacity, delete its directory."""
        ...

    def output(self, uid: str, offset: int, limit: int = 1 << 20) -> bytes:
        """Return what the program printed, from byte `offset`."""
        ...

    def data_log(self, uid: str, offset: int, limit: int = 1 << 20) -> bytes:
        """Return what was said of a transform's requests, from byte `offset`."""
        ...

    def usage(self, uid: str, offset: int) -> bytes:
        """Return what the run was measured to use, whole lines of JSON from byte `offset`."""
        ...

    def unsaved(self, uid: str, directory: str, *, rested: timedelta) -> bool:
        """Tell whether files under `ml/<directory>` changed since `save`; not within `rested` after it."""
        ...

    def save(self, uid: str, directory: str, keep: Callable[[str, Path], None]) -> tuple[str, ...]:
        """Let `keep` take changed files (name, a copy that is gone afterwards), for a short while; return
        what is never taken, and why.
        """
        ...

    def runs(self) -> Mapping[str, datetime]:
        """Return every run there is, ended ones included, and since when; for finding what nobody owns."""
        ...
