"""What goes into a queue and what comes out of it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from clary.core.document import Document

_LAST = (1 << 63) - 1  # The largest number that a database can be asked for.


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What receiving needs to know of a queue. `dead_letters` is the uid of its dead-letter queue."""

    uid: str
    arn: str
    fifo: bool
    retention: int
    dead_letters: str = ""
    most_receives: int = 0


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One message to be sent; `delay` is in seconds.

    `duplicate_of` is what a FIFO queue tells duplicates by, within the group if `in_group`.
    """

    body: str
    attributes: Document = field(default_factory=dict)
    system: Document = field(default_factory=dict)
    delay: int = 0
    group: str | None = None
    duplicate_of: str | None = None
    in_group: bool = False


@dataclass(frozen=True)
class Sent:
    """What a sent message is called, and its place among all that were sent."""

    message_id: str
    sequence: int


@dataclass(frozen=True, kw_only=True)
class Received:
    """One message that was received; times are milliseconds."""

    message_id: str
    sequence: int
    handle: str
    body: str
    attributes: Document
    system: Document
    group: str | None
    sent: int
    first_received: int
    received: int


@dataclass(frozen=True)
class Counts:
    """How many messages a queue has that can be received, that somebody works on, and that are delayed."""

    visible: int
    in_flight: int
    delayed: int


@dataclass(frozen=True)
class Handle:
    """What a receipt handle says."""

    queue: str
    id: int
    receipt: str

    def __str__(self) -> str:
        return base64.b64encode(f"{self.queue}:{self.id}:{self.receipt}".encode()).decode()


def opened(text: str) -> Handle | None:
    """Return what a receipt handle says, None for a text that is none."""
    try:
        queue, number, receipt = base64.b64decode(text, validate=True).decode().split(":")
        handle = Handle(queue, int(number), receipt)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return handle if 0 < handle.id <= _LAST else None
