"""What working off asynchronous requests needs of the rest, and whom a request is worked off for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clary.core.clock import Clock
from clary.core.document import Document
from clary.runtime.attendance import Attendance
from clary.serving.asynchronous.measures import Measures
from clary.store.invocations.queue import Invocations
from clary.store.logs import Logs
from clary.store.objects import Objects
from clary.store.records import Records
from clary.store.times import micros

Allowed = Callable[[str, str, str], bool]
"""Whether a role may do something: (role ARN, action, resource ARN). An absent role raises an ApiError."""

Publish = Callable[[str, str, str, Sequence[str]], Sequence[str]]
"""Sends a topic messages in a role's name: (role ARN, region, topic ARN, messages). Returns why not."""


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Built once by the composition root."""

    records: Records
    objects: Objects
    logs: Logs
    invocations: Invocations
    measures: Measures
    clock: Clock
    allowed: Allowed
    publish: Publish
    attendance: Attendance

    def now(self) -> int:
        """Return the time in milliseconds."""
        return micros(self.clock.now()) // 1000


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An asynchronous endpoint as its record has it now."""

    uid: str
    account: str
    region: str
    name: str
    config: Document


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host that can be asked: its variant, whose role reads and writes, and its containers in turn."""

    uid: str
    variant: str
    weight: float
    role: str
    sockets: tuple[Path, ...]
