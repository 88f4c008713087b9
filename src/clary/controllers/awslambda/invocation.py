"""The life of a durable invocation: an environment is had, written down, asked, and the answer written once.

It is written down which environment is asked before it is. So whoever takes over from a killed controller
asks the same one again, which has one answer for one attempt; only an environment that is lost is replaced by
another, where the event is handled again, as AWS does. An error of the function is tried again after a minute
and after two, unless somebody waits who decides that.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.resources.awslambda.invocation import DONE
from clary.store.records import Record

PAUSES = (timedelta(minutes=1), timedelta(minutes=2))
OLDEST = timedelta(hours=6)  # An event that could not be handled by then is given up.
KEPT = timedelta(hours=1)  # How long the answer can be read.
POLL = timedelta(seconds=1)  # Until the first look; the driver wakes us before.
RAREST = timedelta(minutes=1)  # Between two looks: each is two writes, and there may be thousands of events.
LOST = 3  # Environments in a row that may be lost with one invocation.


class Told(Protocol):
    """How far an invocation is, as the driver says."""

    @property
    def state(self) -> str:
        """waiting, reserved, asked, unsent, answered, lost or refused."""
        ...

    @property
    def environment(self) -> str:
        """The environment that was reserved."""
        ...

    @property
    def failed(self) -> bool:
        """Whether the answer is an error document."""
        ...

    @property
    def answer(self) -> str:
        """What the function answered."""
        ...

    @property
    def why(self) -> str:
        """Why there is no answer."""
        ...


def next_step(record: Record, told: Told | None, now: datetime) -> Step:
    """Decide what happens to an invocation next."""
    doc = record.doc
    if doc["Status"] in DONE:
        left = doc["_Ended"] + KEPT - now
        return Step(again=left) if left > timedelta() else Step(delete=True)
    if told and told.state == "answered":
        return _answered(doc, told, now)
    if told and told.state == "refused":
        return _end(doc, now, Status="Failed", FailureReason=told.why)
    if told and told.state == "lost":
        return _lost(doc, told.why, now)
    if told and told.state == "unsent":
        return Step(effect="forget", write={"Status": "Pending"}, remove=("_Environment",), again=AT_ONCE)
    later = min(max(POLL, (now - record.status_since) / 2), RAREST)
    return _pending(doc, told, now, later) if doc["Status"] == "Pending" else _asked(told, later)


def key_of(record: Record) -> str:
    """Return what an environment knows the present attempt by."""
    return f"{record.uid}-{record.doc.get('_Attempts', 0)}-{record.doc.get('_Losses', 0)}"


def _pending(doc: Document, told: Told | None, now: datetime, later: timedelta) -> Step:
    if (told is None or told.state == "waiting") and now - doc["CreationTime"] > OLDEST:
        why = "The event could not be handled within six hours."
        return _end(doc, now, Status="Failed", FailureReason=why)
    if told is None:
        wait: timedelta = doc.get("_NotBefore", now) - now
        return Step(again=wait) if wait > timedelta() else Step(effect="reserve", again=later)
    if told.state == "reserved":
        return Step(write={"Status": "InProgress", "_Environment": told.environment}, again=AT_ONCE)
    return Step(again=later)


def _asked(told: Told | None, later: timedelta) -> Step:
    if told is None:
        return Step(effect="resume", again=later)
    return Step(effect="ask" if told.state == "reserved" else "none", again=later)


def _answered(doc: Document, told: Told, now: datetime) -> Step:
    if not told.failed:
        return _end(doc, now, Status="Succeeded", _Answer=told.answer)
    attempts = doc.get("_Attempts", 0)
    if attempts >= doc["_Retries"]:
        why = f"The function ended with an error: {told.answer[:1000]}"
        return _end(doc, now, Status="Failed", _Answer=told.answer, FailureReason=why)
    pause = PAUSES[min(attempts, len(PAUSES) - 1)]
    write = {"Status": "Pending", "_Attempts": attempts + 1, "_NotBefore": now + pause, "_Losses": 0}
    return Step(effect="forget", write=write, remove=("_Environment",), again=pause)


def _lost(doc: Document, why: str, now: datetime) -> Step:
    losses = doc.get("_Losses", 0) + 1
    if losses >= LOST:
        return _end(doc, now, Status="Failed", FailureReason=why)
    write = {"Status": "Pending", "_Losses": losses}
    return Step(effect="forget", write=write, remove=("_Environment",), again=AT_ONCE)


def _end(doc: Document, now: datetime, **write: object) -> Step:
    return Step(
        effect="forget",
        write={**write, "_Ended": now},
        remove=("_Payload",),
        again=KEPT,
        wake=str(doc.get("_Parent", "")),
    )
