"""What containers print becomes log events, one a line, pulled by byte offset: pulling twice adds nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from clary.store.log_reader import Window
from clary.store.logs import Logs

CHUNK = 1 << 20  # bytes asked for at a time
CHUNKS = 8  # at most in one look, so that a noisy run does not hold up its own life
LONGEST = 256 * 1024 - 26  # CloudWatch's limit on an event's bytes, less what it charges for each


@dataclass(frozen=True)
class Stream:
    """Where one run's output goes."""

    account: str
    region: str
    group: str
    name: str


class Source(Protocol):
    """Where a log is pulled from: what a run printed, or what was said of it."""

    def output(self, uid: str, offset: int, limit: int) -> bytes:
        """Return what there is, from byte `offset`."""
        ...


Put = Callable[[Sequence[tuple[int, str]], int, int], None]
"""Keeps events (milliseconds, message) that came from one byte offset to before another."""


def ingest(
    runtime: Source,
    uid: str,
    logs: Logs,
    stream: Stream,
    now: datetime,
    *,
    ended: bool,
    put: Put | None = None,
) -> bool:
    """Take what a run has printed since last time; return whether everything it printed is in the log.

    A last line without its newline waits for it until the run has `ended`. `put` keeps the events, where more
    is to be kept than they.
    """
    place = (stream.account, stream.region, stream.group, stream.name)
    offset = logs.offset(*place)
    for _ in range(CHUNKS):
        data = runtime.output(uid, offset, CHUNK)
        lines, taken = cut(data, final=ended and len(data) < CHUNK)
        if not taken:
            return True
        stamp = int(now.timestamp() * 1000)
        found = [(stamp, text) for text in lines]
        if put:
            put(found, offset, offset + taken)
        else:
            logs.put(*place, found, offset=offset, next_offset=offset + taken)
        offset += taken
    return False


def events(logs: Logs, stream: Stream) -> Iterator[tuple[int, str]]:
    """Yield everything a run has logged, oldest first: milliseconds and message."""
    place = (stream.account, stream.region, stream.group, stream.name)
    token: str | None = None
    while logs.offset(*place):
        page = logs.read(*place, Window(from_head=True, token=token))
        yield from ((event.timestamp, event.message) for event in page.events)
        if page.forward == token:
            return
        token = page.forward


def cut(data: bytes, *, final: bool) -> tuple[list[str], int]:
    """Cut output into events; return them and how many bytes they are made of."""
    taken = len(data) if final else data.rfind(b"\n") + 1
    if not taken and len(data) >= LONGEST:
        taken = len(_whole(data[:LONGEST]))  # a line longer than an event does not wait for its end
    return [text for line in data[:taken].split(b"\n") for text in _events(line)], taken


def _events(line: bytes) -> Iterator[str]:
    """Yield a line's events: what a terminal would show of it in the end, in pieces that fit."""
    shown = next((part for part in reversed(line.split(b"\r")) if part), b"")
    while shown:
        piece = shown if len(shown) <= LONGEST else _whole(shown[:LONGEST])
        yield piece.decode(errors="replace")
        shown = shown[len(piece) :]


def _whole(data: bytes) -> bytes:
    """Leave out a character that was cut in two at the end."""
    for back in range(1, min(4, len(data))):
        byte = data[-back]
        if byte & 0xC0 == 0xC0:  # a first byte: are all that it announces there?
            announced = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data if announced <= back else data[:-back]
        if byte < 0x80:
            return data
    return data
