"""The life of an MLflow server: one run at a time over a directory that outlives it.

`_Wanted` says whether it is to run, `_Run` which run there is and what it was made of, `_Socket` where it
answers: that is written once it does, and taken away before it is stopped. A run that ends unasked is
followed by another, after a pause that grows. One that never answered while it was waited for fails what was
asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.runtime.spec import Seen
from clary.store.records import Record

START, STOP, REMOVE, FORGET, REGISTER = "start", "stop", "remove", "forget", "register"
ENDS = {"Creating": "Created", "Starting": "Started", "Updating": "Updated", "Stopping": "Stopped"}
FAILS = {"Creating": "CreateFailed", "Starting": "StartFailed", "Updating": "UpdateFailed"}
MOST_TRIES = 2
SOON = timedelta(milliseconds=100)  # Between looks while a run comes or goes; its wake is usually first.
CALM = timedelta(seconds=2)  # Between looks at one that answers: how fresh its log is.
LONGEST_PAUSE = timedelta(seconds=60)
LONGEST_REASON = 1024
UNEXPLAINED = "Its processes are gone, nothing tells how."


@dataclass(frozen=True, kw_only=True)
class World:
    """What is the case outside the record: the run, whether its log was taken in, where its pages are.

    Of a record without a run it is the next one's: a controller that died may have begun it. `registers` says
    that models are to be registered.
    """

    run: Seen
    logged: bool = True
    url: str = ""
    registers: bool = False


def made_of(doc: Document) -> Document:
    """Return what a run is made of; a record that says otherwise now needs another."""
    return {"Store": doc["ArtifactStoreUri"], "Size": doc.get("TrackingServerSize", "Small")}


def next_run(record: Record) -> str:
    """Return the uid of the run that would be begun next."""
    return f"{record.uid}-{record.doc.get('_Serial', 0) + 1}"


def next_step(record: Record, status: str, world: World, now: datetime) -> Step:
    """Decide what happens to a server next. `status` is the member that holds it."""
    doc, run = record.doc, record.doc.get("_Run")
    if not world.logged:
        return Step(again=AT_ONCE)
    if run and world.run.phase in ("exited", "absent"):
        return _bury(doc, run, status, world, now)
    if run:
        return _stay(doc, run, status, world, now)
    if doc["_Wanted"] and doc[status] != "Deleting":
        return _begin(record, now)
    if world.run.phase != "absent":
        return Step(effect=REMOVE, target=next_run(record), again=AT_ONCE)
    if doc[status] == "Deleting":
        return Step(effect=FORGET, delete=True)
    if ended := ENDS.get(doc[status]):
        return Step(write={status: ended}, again=None)
    return Step(again=None)


def _begin(record: Record, now: datetime) -> Step:
    """Start the next run, once its time has come."""
    doc = record.doc
    pause: timedelta = doc.get("_NotBefore", now) - now
    if pause > timedelta():
        return Step(again=pause)
    serial, uid = doc.get("_Serial", 0) + 1, next_run(record)
    run = {"Uid": uid, "MadeOf": made_of(doc), "Stream": f"{now:%Y-%m-%dT%H-%M-%S}/{serial}"}
    return Step(effect=START, target=uid, write={"_Run": run, "_Serial": serial}, again=SOON)


def _stay(doc: Document, run: Document, status: str, world: World, now: datetime) -> Step:
    """Let a run be what is wanted: told of once it answers, stopped where it is to go."""
    if "Stopped" in run:
        return Step(again=SOON)
    if not doc["_Wanted"] or doc[status] == "Deleting" or run["MadeOf"] != made_of(doc):
        if "_Socket" in doc:  # nobody is sent there any more before it is asked to go
            return Step(write=_inactive(doc), remove=("_Socket",), again=AT_ONCE)
        write: Document = {"_Run": {**run, "Stopped": now}}
        return Step(effect=STOP, target=run["Uid"], write=write, again=SOON)
    if world.run.phase not in ("ready", "unhealthy"):
        return Step(again=SOON)
    told: Document = {"_Socket": str(world.run.socket), **_active(doc, world.url)}
    if doc[status] in ENDS:
        told[status] = ENDS[doc[status]]
    changed = {member: value for member, value in told.items() if doc.get(member) != value}
    if not changed and world.registers and doc.get("_RegisterAt", now) <= now:
        return Step(effect=REGISTER, again=CALM)
    return Step(write=changed, remove=("_Losses", "_NotBefore", "_Why") if changed else (), again=CALM)


def _bury(doc: Document, run: Document, status: str, world: World, now: datetime) -> Step:
    """Take away a run that ended; if nobody asked it to, another is due, or what was asked has failed."""
    write: Document = _inactive(doc)
    gone = ("_Run", "_Socket")
    if "Stopped" in run or not doc["_Wanted"] or doc[status] == "Deleting":
        return Step(effect=REMOVE, target=run["Uid"], write=write, remove=gone, again=AT_ONCE)
    losses = doc.get("_Losses", 0) + 1
    write |= {"_Losses": losses, "_Why": (world.run.failure or UNEXPLAINED)[:LONGEST_REASON]}
    if doc[status] in FAILS and losses >= MOST_TRIES:
        write |= {status: FAILS[doc[status]], "_Wanted": False, "_Losses": 0}
        return Step(effect=REMOVE, target=run["Uid"], write=write, remove=gone, again=AT_ONCE)
    pause = min(timedelta(seconds=1 << min(losses - 1, 6)), LONGEST_PAUSE)
    write["_NotBefore"] = now + pause
    return Step(effect=REMOVE, target=run["Uid"], write=write, remove=gone, again=pause)


def _active(doc: Document, url: str) -> Document:
    """Return what a tracking server says of itself while it answers; an app says nothing of the kind."""
    return {"IsActive": "Active", "TrackingServerUrl": url} if "IsActive" in doc else {}


def _inactive(doc: Document) -> Document:
    return {"IsActive": "Inactive"} if "IsActive" in doc else {}
