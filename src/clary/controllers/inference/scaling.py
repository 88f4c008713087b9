"""The life of a scalable target: how many hosts a variant should have, and what was done about it.

Alarms set policies off, as on AWS; the metric says how far. What is AWS's and what is ours, in numbers too:
evidence/autoscaling.md. A change is written down (`Pending`) before it is asked for, so that a controller
which is killed in between goes on with it.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.store.records import Record

SCALE, DEREGISTER = "scale", "deregister"
LOOK = timedelta(seconds=5)  # Between looks at the alarms of a target.
SOON = timedelta(milliseconds=500)  # Between looks while a change is under way.
GONE = timedelta(minutes=1)  # Between looks for a variant that an endpoint does not have any more.
ASKED = timedelta(minutes=1)  # How long a call that met no host waits at most.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=10)  # After a change that failed.
MOST = 50  # Activities that are kept.
_OPEN = ("Pending", "InProgress")
_LITTLE = 1e-9  # What a product of floats may be above a whole number.


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What there is to scale: `count` hosts are wanted, `current` of them are asked; `what` they are."""

    status: str
    since: datetime
    count: int
    current: int
    fault: str = ""
    what: str = "instance count"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """An alarm that is on, and its metric: (when, value or None), oldest first.

    `idle` says that nobody called meanwhile.
    """

    alarm: str
    points: tuple[tuple[datetime, float | None], ...]
    idle: bool = False


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """One policy. A side whose alarm is not on has no reading."""

    name: str
    target: float
    high: Reading | None = None
    low: Reading | None = None
    out_cooldown: timedelta
    in_cooldown: timedelta
    shrinks: bool = True


@dataclass(frozen=True, kw_only=True)
class World:
    """The variant, if it is there, and the policies that follow it; `gone` says that its endpoint is not."""

    variant: Variant | None
    gone: bool = False
    policies: tuple[Tracking, ...] = ()


@dataclass(frozen=True)
class Move:
    """How many hosts there shall be, and why."""

    to: int
    cause: str


def next_step(target: Record, world: World, now: datetime) -> Step:
    """Decide what happens to a target next."""
    doc, variant = target.doc, world.variant
    last = open_activity(doc)
    if world.gone:
        return Step(effect=DEREGISTER)
    if variant is None:
        ended = {"StatusCode": "Failed", "StatusMessage": "The variant is not there any more."}
        return _end(doc, last, ended, now) if last else Step(again=GONE)
    if last:
        return _follow(doc, last, variant, now)
    if variant.status != "InService":
        return Step(again=GONE if variant.status == "Failed" else LOOK)
    pause = _pause(doc, now)
    move = None if pause else wanted(doc, world.policies, variant, now)
    if move is None:
        waits = "_Asked" in doc and now - doc["_Asked"] < ASKED and variant.current == 0
        return Step(
            remove=() if waits or "_Asked" not in doc else ("_Asked",), again=min(LOOK, pause or LOOK)
        )
    activity = {
        "ActivityId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{target.uid}/{target.version}")),
        "Description": f"Setting desired {variant.what} to {move.to}.",
        "Cause": move.cause,
        "StartTime": now,
        "StatusCode": "Pending",
        "_From": variant.count,
        "_To": move.to,
    }
    write: Document = {"_Activities": [activity, *doc.get("_Activities", ())][:MOST]}
    return Step(write=write, remove=("_Asked",), again=AT_ONCE)


def open_activity(doc: Document) -> Document | None:
    """Return the change that is under way."""
    latest: Document | None = next(iter(doc.get("_Activities", ())), None)
    return latest if latest and latest["StatusCode"] in _OPEN else None


def wanted(doc: Document, policies: Sequence[Tracking], variant: Variant, now: datetime) -> Move | None:
    """Return what is to be changed: for a call that waits, to the target's bounds, or by the policies."""
    lowest, highest, count = doc["MinCapacity"], doc["MaxCapacity"], variant.count
    grows = not _suspended(doc, "DynamicScalingOutSuspended")
    shrinks = not _suspended(doc, "DynamicScalingInSuspended")
    if grows and count == 0 < highest and "_Asked" in doc and now - doc["_Asked"] < ASKED:
        return Move(max(1, lowest), "a call waits for an instance while there is none")
    if grows and count < lowest:
        return Move(lowest, f"minimum capacity was set to {lowest}")
    if shrinks and count > highest:
        return Move(highest, f"maximum capacity was set to {highest}")
    since = max([variant.since, *(each["EndTime"] for each in doc.get("_Activities", ())[:1])])
    if grows and (move := _out(doc, policies, count, since, now)):
        return move
    return _in(doc, policies, count, since, now) if shrinks else None


def _out(
    doc: Document, policies: Sequence[Tracking], count: int, since: datetime, now: datetime
) -> Move | None:
    """Return the largest growth that a policy asks for."""
    moves = []
    for policy in policies:
        latest = (
            next((each for each in reversed(policy.high.points) if each[1] is not None), None)
            if (policy.high)
            else None
        )
        if policy.high is None or latest is None or latest[1] is None or latest[0] < since:
            continue
        to = min(_capacity(max(1, count), latest[1], policy.target), doc["MaxCapacity"])
        if to > count and not _cooling(doc, policy.out_cooldown, to - count, now):
            moves.append(Move(to, _cause(policy.high, policy)))
    return max(moves, key=lambda move: move.to, default=None)


def _in(
    doc: Document, policies: Sequence[Tracking], count: int, since: datetime, now: datetime
) -> Move | None:
    """Return what is left of a variant once every policy that shrinks it agrees."""
    moves = []
    for policy in policies:
        if not policy.shrinks:
            continue
        values = [value for _, value in policy.low.points if value is not None] if policy.low else []
        if policy.low is None or any(at < since for at, _ in policy.low.points):
            return None
        to = max(_capacity(count, max(values, default=0.0), policy.target), doc["MinCapacity"])
        if to == 1 and doc["MinCapacity"] == 0 and policy.low.idle:
            to = 0
        if to >= count or _resting(doc, policy.in_cooldown, now):
            return None
        moves.append(Move(to, _cause(policy.low, policy)))
    return max(moves, key=lambda move: move.to, default=None)


def _capacity(count: int, value: float, target: float) -> int:
    return math.ceil(count * value / target - _LITTLE)


def _cooling(doc: Document, cooldown: timedelta, growth: int, now: datetime) -> bool:
    """Say whether a growth must wait: only one larger than the last need not, while that cools down."""
    last = next((each for each in _done(doc) if each["_To"] > each["_From"]), None)
    return last is not None and now - last["EndTime"] < cooldown and growth <= last["_To"] - last["_From"]


def _resting(doc: Document, cooldown: timedelta, now: datetime) -> bool:
    """Say whether the last time that hosts were taken away is too short ago to take more."""
    last = next((each for each in _done(doc) if each["_To"] < each["_From"]), None)
    return last is not None and now - last["EndTime"] < cooldown


def _done(doc: Document) -> list[Document]:
    return [each for each in doc.get("_Activities", ()) if each["StatusCode"] == "Successful"]


def _cause(reading: Reading, policy: Tracking) -> str:
    return f"monitor alarm {reading.alarm} in state ALARM triggered policy {policy.name}"


def _follow(doc: Document, last: Document, variant: Variant, now: datetime) -> Step:
    """Ask for a change that was written down, or see how far it is."""
    settled = variant.status == "InService"
    said = f"Successfully set desired {variant.what} to {last['_To']}."
    if last["StatusCode"] == "Pending":
        if not settled and variant.count != last["_To"]:
            return Step(again=SOON)  # somebody else's update
        begun = {"StatusCode": "InProgress", "StatusMessage": f"{said} Waiting for sagemaker to fulfill it."}
        effect = "none" if variant.count == last["_To"] else SCALE
        return Step(effect=effect, target=str(last["_To"]), write=latest(doc, begun), again=SOON)
    if not settled:
        return Step(again=SOON)
    if variant.count == last["_To"]:
        if variant.current != last["_To"]:
            return Step(again=SOON)
        done = {
            "StatusCode": "Successful",
            "StatusMessage": f"{said} Change successfully fulfilled by sagemaker.",
        }
        return _end(doc, last, done, now)
    if variant.fault:
        return _end(doc, last, {"StatusCode": "Failed", "StatusMessage": variant.fault}, now)
    over = f"Somebody else set the {variant.what} to {variant.count} meanwhile."
    return _end(doc, last, {"StatusCode": "Overridden", "StatusMessage": over}, now)


def _end(doc: Document, last: Document, changes: Document, now: datetime) -> Step:
    return Step(write=latest(doc, {**changes, "EndTime": now}), again=AT_ONCE)


def latest(doc: Document, changes: Document) -> Document:
    """Return what to write to change the latest activity."""
    first, *others = doc["_Activities"]
    return {"_Activities": [{**first, **changes}, *others]}


def _pause(doc: Document, now: datetime) -> timedelta | None:
    """Return how long nothing is tried after changes that failed."""
    done = doc.get("_Activities", ())
    failures = next((n for n, each in enumerate(done) if each["StatusCode"] != "Failed"), len(done))
    if not failures:
        return None
    rest: timedelta = done[0]["EndTime"] + min(FIRST_PAUSE * 2 ** min(failures - 1, 9), LONGEST_PAUSE) - now
    return rest if rest > timedelta() else None


def _suspended(doc: Document, which: str) -> bool:
    return bool(doc.get("SuspendedState", {}).get(which))
