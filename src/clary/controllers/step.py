"""The vocabulary of lifecycles: what a controller decides, and what the loop asks of one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from clary.core.document import Document

if TYPE_CHECKING:
    from clary.resources.spec import Resource
    from clary.store.records import Record

AT_ONCE = timedelta(0)
NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One effect at most, then one write at most, then when to look again (None: not before somebody writes).

    `effect` names what the controller shall do and `target` the run it does it to. `delete` ends the record.
    `wake` is the uid of a record that waits for this write, to be looked at early.
    """

    effect: str = NONE
    target: str = ""
    write: Document = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    again: timedelta | None = timedelta(seconds=1)
    delete: bool = False
    wake: str = ""


def telling(doc: Document, step: Step, *, ends: bool) -> Step:
    """Return a step that wakes whoever made the record, if it ends what they wait for."""
    return replace(step, wake=doc["_Parent"]) if ends and "_Parent" in doc else step


class Controller(Protocol):
    """The life of one kind of record. Both methods run in a thread and may block."""

    @property
    def resource(self) -> Resource:
        """The kind whose records it tends."""
        ...

    def look(self, record: Record, now: datetime) -> Step:
        """Ask the world, and decide. Safe to repeat at any time."""
        ...

    def act(self, record: Record, step: Step) -> Document | Step:
        """Perform the step's effect, harmless to do twice; return members to add to its write.

        Where what follows depends on how the effect went, it returns the step to write instead.
        """
        ...
