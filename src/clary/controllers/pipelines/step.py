"""The life of one step of an execution: plain decisions about what was seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.pipelines import retrying
from clary.engines.pipelines.graph import StepStatus
from clary.resources.pipelines.pipeline_execution_step import DONE
from clary.store.records import Record

LOOKS = timedelta(seconds=10)  # Between looks at what tells its end by itself, in case nobody heard it.
POLL = timedelta(seconds=1)  # Between looks at what does not.
TRIES = 6  # Looks that end in a mistake of ours before the step fails with it.
TROUBLE = timedelta(seconds=1)  # Half of the wait after the first; it doubles.
LONGEST = 1024  # FailureReason's own limit.


@dataclass(frozen=True, kw_only=True)
class Begin(Step):
    """Begin an attempt, with the step's arguments and what else its kind says of it resolved.

    `parts` are the cache key of a step that may be taken from the cache, once it has succeeded.
    """

    effect: str = "begin"
    arguments: Document = field(default_factory=dict)
    more: Document = field(default_factory=dict)
    parts: Document | None = None
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class End:
    """How an attempt ended: with what it made known, or why not."""

    status: StepStatus
    members: Document = field(default_factory=dict)
    code: str = ""
    reason: str = ""
    final: bool = False


@dataclass(frozen=True, kw_only=True)
class World:
    """What is the case outside the record. It is asked each time, never remembered.

    `end` says how the attempt has ended, if it has; `begin` what to begin, while none has begun; `wakes` that
    the end of what was begun is told by itself; `stops` that it can be told to stop.
    """

    end: End | None = None
    begin: Begin | None = None
    wakes: bool = True
    stops: bool = False


def next_step(step: Record, world: World, policies: Sequence[Document], now: datetime) -> Step:
    """Decide what happens to a step next."""
    doc = step.doc
    if step.status in DONE:
        return Step(again=None)
    stopping = step.status == "Stopping"
    if "_Begun" not in doc:
        if stopping:
            return finish(doc, End(status="Stopped"), now)
        if (later := doc.get("_RetryAt")) and later > now:
            return Step(again=later - now)
        if world.begin is not None:
            return world.begin
    if world.end is not None:
        return settle(step, world.end, policies, now)
    if stopping and world.stops and "_Told" not in doc:
        return Step(effect="stop", write={"_Told": True}, again=LOOKS if world.wakes else POLL)
    return Step(again=LOOKS if world.wakes else POLL)


def settle(step: Record, end: End, policies: Sequence[Document], now: datetime) -> Step:
    """Return what follows from the end of an attempt: the end of the step, or another attempt."""
    doc = step.doc
    if step.status == "Stopping" and end.status != "Succeeded":
        return finish(doc, End(status="Stopped", members=end.members), now)
    if end.status != "Failed" or end.final:
        return finish(doc, end, now)
    attempts: int = doc["AttemptCount"]
    later = retrying.next_attempt(
        policies, retrying.failure(end.code, end.reason), attempts, doc["StartTime"], now
    )
    if later is None:
        return finish(doc, end, now)
    write = {**end.members, "AttemptCount": attempts + 1, "_RetryAt": later, "StepStatus": "Starting"}
    return Step(write=write, remove=("_Begun", "_Told"), again=max(later - now, AT_ONCE))


def finish(doc: Document, end: End, now: datetime) -> Step:
    """End a step, and tell its execution."""
    write: Document = {**end.members, "StepStatus": end.status, "EndTime": now}
    if end.status == "Failed":
        write["FailureReason"] = clip(end.reason)
    keeps = end.status == "Succeeded" and "_Parts" in {**doc, **write} and "CacheHitResult" not in write
    return Step(effect="keep" if keeps else "none", write=write, again=None, wake=doc["_Parent"])


def refused(error: ApiError) -> End:
    """Return how an attempt ends one of whose calls was refused."""
    return End(status="Failed", code=error.code, reason=f"ClientError: {error.message} ({error.code})")


def troubled(step: Record, error: Exception, now: datetime) -> Step:
    """Return what follows from a mistake of ours: another try, later each time, and in the end a failure."""
    tries = step.doc.get("_Troubles", 0) + 1
    if tries < TRIES:
        return Step(write={"_Troubles": tries}, again=TROUBLE * 2**tries)
    reason = f"InternalServerError: {type(error).__name__}: {error}"
    return finish(step.doc, End(status="Failed", reason=reason), now)


def calm(step: Record, decided: Step) -> Step:
    """Forget the troubles of a step that goes on, but not those of what it is about to do."""
    if "_Troubles" not in step.doc or decided.effect != "none":
        return decided
    return replace(decided, remove=(*decided.remove, "_Troubles"))


def clip(reason: str) -> str:
    """Cut a reason to what a step may have."""
    return reason if len(reason) <= LONGEST else f"{reason[: LONGEST - 1]}…"
