"""The life of a function's environments: they come with calls and go without them, or with their function.

As serverless endpoints do it (docs/adr/0018-serverless.md): there are to be as many as calls. An environment
belongs to one generation of the function; an update's begin with the next call, and the old ones go once
nobody calls them. `_Fleet` lists all there are, `_Hosts` those that may be called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.runtime.spec import Seen
from clary.store.records import Record

CLOSE, FORGET = "close", "forget"
SOON = timedelta(milliseconds=100)  # Between looks while an environment comes up; its wake is usually first.
FRESH = timedelta(seconds=1)  # Between looks while there is one: how fresh its log is.
QUIET = timedelta(seconds=30)  # Between looks while there is none: a call rings the bell.
LONGEST_REASON = 1024


@dataclass(frozen=True, kw_only=True)
class World:
    """What is the case outside the record: runs, logs that are not whole, calls, who is called, and since
    when who is not. There may be `most` environments, and one that nobody used for `idle` goes.
    """

    runs: Mapping[str, Seen] = field(default_factory=dict)
    unlogged: frozenset[str] = frozenset()
    calls: int = 0
    busy: frozenset[str] = frozenset()
    used: Mapping[str, datetime] = field(default_factory=dict)
    most: int = 1
    idle: timedelta = timedelta(minutes=5)


def members(doc: Document) -> list[Document]:
    """Return every environment there is."""
    return list(doc.get("_Fleet", ()))


def next_step(record: Record, world: World, now: datetime) -> Step:
    """Decide what happens to a function's environments next."""
    doc = record.doc
    if world.unlogged:
        return Step(again=AT_ONCE)
    if step := _bury(doc, world, now) or _retire(doc, world, now):
        return step
    if "_Gone" not in doc:
        step = _tell(doc, world, now) or _begin(record, world, now)
    elif not members(doc):
        return Step(effect=FORGET, delete=True)
    return step or _stop(doc, world, now) or _rest(doc, world)


def _bury(doc: Document, world: World, now: datetime) -> Step | None:
    """Take away one that ended; those who wait for it are told where it never answered."""
    for each in members(doc):
        run = world.runs[each["Uid"]]
        if run.phase in ("exited", "absent"):
            write: Document = {
                "_Fleet": [other for other in members(doc) if other["Uid"] != each["Uid"]],
                "_Hosts": [host for host in doc.get("_Hosts", ()) if host["Uid"] != each["Uid"]],
            }
            if "ReadySince" not in each and "Draining" not in each:
                why = run.failure or "its processes are gone, nothing tells how."
                write["_Setback"] = {"At": now, "Why": why[:LONGEST_REASON]}
            return Step(effect="remove", target=each["Uid"], write=write, again=AT_ONCE)
    return None


def _stop(doc: Document, world: World, now: datetime) -> Step | None:
    """End one that is to go and that nobody calls."""
    for each in members(doc):
        if "Draining" in each and "Stopped" not in each and each["Uid"] not in world.busy:
            return Step(effect="stop", target=each["Uid"], write=_changed(doc, each, Stopped=now), again=SOON)
    return None


def _retire(doc: Document, world: World, now: datetime) -> Step | None:
    """Have one go: its function is gone, or changed, or nobody called it for long enough."""
    for each in members(doc):
        if "Draining" in each:
            continue
        uid, old = each["Uid"], "_Gone" in doc or each["Generation"] != doc["_Wanted"]["Generation"]
        closed = "ReadySince" in each and uid not in world.used  # by a caller who could not come to say so
        if old or closed:
            return Step(write=_changed(doc, each, Draining=now) | _untold(doc, uid), again=AT_ONCE)
        if "ReadySince" in each and uid not in world.busy and not world.calls:
            since = max(each["ReadySince"], world.used[uid])
            if now - since >= world.idle:
                write = _changed(doc, each, Draining=now) | _untold(doc, uid)
                return Step(effect=CLOSE, target=uid, write=write, again=AT_ONCE)
    return None


def _tell(doc: Document, world: World, now: datetime) -> Step | None:
    """Let calls know who can be called."""
    ready = [each for each in members(doc) if "Draining" not in each and _ready(world, each)]
    sockets = {each["Uid"]: str(world.runs[each["Uid"]].socket) for each in ready}
    told = [{"Uid": uid, "Socket": socket} for uid, socket in sockets.items()]
    if told == doc.get("_Hosts", []):
        return None
    fleet = [
        {"ReadySince": now, **each, "Socket": sockets[each["Uid"]]} if each["Uid"] in sockets else each
        for each in members(doc)
    ]
    return Step(write={"_Hosts": told, "_Fleet": fleet}, again=AT_ONCE)


def _begin(record: Record, world: World, now: datetime) -> Step | None:
    """Start the next one that is wanted."""
    doc = record.doc
    there = [each for each in members(doc) if "Draining" not in each]
    if len(there) >= min(world.calls, world.most):
        return None
    serial = doc.get("_Serial", 0) + 1
    generation = doc["_Wanted"]["Generation"]
    uid = f"{record.uid}-{generation}-{serial}"  # so that an update during its start begins another run
    host = {
        "Uid": uid,
        "Generation": generation,
        "Timeout": doc["_Wanted"]["Timeout"],
        "Stream": f"{now:%Y/%m/%d}/[$LATEST]{uid.replace('-', '')}",
    }
    write: Document = {"_Fleet": [*members(doc), host], "_Serial": serial}
    return Step(effect="start", target=uid, write=write, again=AT_ONCE)


def _rest(doc: Document, world: World) -> Step:
    if any("ReadySince" not in each or "Stopped" in each for each in members(doc)):
        return Step(again=SOON)
    return Step(again=FRESH if members(doc) else QUIET)


def _ready(world: World, host: Document) -> bool:
    return world.runs[host["Uid"]].phase in ("ready", "unhealthy")


def _changed(doc: Document, host: Document, **changes: object) -> Document:
    fleet = [{**each, **changes} if each["Uid"] == host["Uid"] else each for each in members(doc)]
    return {"_Fleet": fleet}


def _untold(doc: Document, uid: str) -> Document:
    return {"_Hosts": [host for host in doc.get("_Hosts", ()) if host["Uid"] != uid]}
