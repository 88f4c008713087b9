"""The vocabulary: one action on one resource, with what conditions may ask about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from clary.engines.policy.pattern import Context


@dataclass(frozen=True)
class Need:
    """One permission a call must have. Context keys are in lower case.

    One with an `item`, a place in the request's list, is asked for that item alone: without it the item is
    refused, and the rest of the call is done.
    """

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    item: int | None = None
