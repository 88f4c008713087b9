"""From what happened to what is to be delivered: every rule that an event matches, and each of its targets.

A note is worked off in the transaction that keeps the deliveries it led to, so that a crash loses none and
makes none twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import product

from clary.core.clock import Clock
from clary.core.document import Document
from clary.engines.events import objects, pattern, targets, transform
from clary.engines.events.announcement import Change, events_of, stamp
from clary.resources import registry
from clary.resources.events.rule import RULE
from clary.store.events import deliveries, outbox
from clary.store.events.deliveries import Outgoing
from clary.store.events.outbox import Happened
from clary.store.record import Record
from clary.store.records import Records
from clary.store.times import from_micros, micros

log = logging.getLogger(__name__)

AGE = timedelta(hours=24)  # For how long a delivery is tried, where a target says nothing else.
TRIES = 185  # How often, likewise: evidence/events-targets.md
BATCH = 100  # Notes read at once, and worked off in one transaction,
SIZE = 4 << 20  # or so many characters of notes, and of what they led to.
TARGETS = "_Targets"
Rules = dict[tuple[str, str, str], list[Record]]
"""The rules that listen, by account, region and bus."""


class Matcher:
    """Works notes off. There is one in a home: its place in them is its own."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records, self._clock = records, clock
        self._last = self._forgotten = 0

    def match(self) -> int:
        """Turn every note into deliveries; return how many there are of these."""
        made = 0
        while notes := outbox.after(self._records.database, self._last, BATCH, SIZE):
            rules: Rules = {}
            found: list[Outgoing] = []
            size = 0
            for note in notes:
                for each in self._of(note, rules):
                    found.append(each)
                    size += len(each.request["Body"])
                if found and (size > SIZE or note is notes[-1]):
                    self._keep(found, note.id)
                    made, found, size = made + len(found), [], 0
                self._last = note.id
        return made

    def forget(self) -> None:
        """Forget the notes that led to nothing; those that led to something are forgotten with it."""
        if self._last > self._forgotten:
            with self._records.database.write() as connection:
                outbox.done(connection, self._last)
            self._forgotten = self._last

    def _keep(self, found: list[Outgoing], last: int) -> None:
        with self._records.database.write() as connection:
            for each in found:
                deliveries.add(connection, each)
            outbox.done(connection, last)
        self._forgotten = last

    def _of(self, note: Happened, rules: Rules) -> list[Outgoing]:
        """Return what a note leads to; what goes wrong with a note or a rule keeps no other from its own."""
        listening = self._listening(note, rules)
        try:
            events = _events(note) if listening else []
        except Exception:
            log.exception("what happened to %s could not be told", note.arn)
            return []
        found: list[Outgoing] = []
        for event, rule in product(events, listening):
            try:
                found.extend(self._deliveries(rule, event, forwarded=note.was == outbox.FORWARDED))
            except Exception:
                log.exception("%s could not be held against what happened to %s", rule.arn, note.arn)
        return found

    def _listening(self, note: Happened, rules: Rules) -> list[Record]:
        bus = note.arn.rpartition("event-bus/")[2] if note.kind == outbox.EVENT else "default"
        place = (note.account, note.region, bus)
        if place not in rules:
            scoped = self._records.scoped(note.account, note.region)
            rules[place] = [rule for rule in scoped.each(RULE, under=bus) if _listens(rule)]
        return rules[place]

    def _deliveries(self, rule: Record, event: Document, *, forwarded: bool) -> list[Outgoing]:
        read = _pattern(rule.doc["EventPattern"])
        if read is None or not read.matches(event):
            return []
        return list(outgoing(rule, event, self._clock.now(), forwarded=forwarded))


def outgoing(rule: Record, event: Document, now: datetime, *, forwarded: bool = False) -> Iterator[Outgoing]:
    """Yield what a rule's targets are sent of an event; what a bus handed on goes to no other bus."""
    said = {"arn": rule.arn, "name": rule.name, "time": stamp(now)}
    for target in rule.doc[TARGETS]:
        kind = targets.kind_of(target["Arn"])
        if forwarded and kind == targets.BUS:
            continue
        request = {"Target": target, "Body": transform.body(target, event, said)}
        if kind in (targets.BUS, targets.PIPELINE):
            request["Event"] = event
        policy = target.get("RetryPolicy", {})
        age = timedelta(seconds=policy.get("MaximumEventAgeInSeconds", AGE.total_seconds()))
        yield Outgoing(
            account=rule.account,
            region=rule.region,
            source=rule.arn,
            token=f"{event['id']}-{rule.uid[:12]}-{target['Id']}",
            request=request,
            due=micros(now),
            expires=micros(now + age),
            most=policy.get("MaximumRetryAttempts", TRIES),
        )


def _listens(rule: Record) -> bool:
    return rule.status == "ENABLED" and "EventPattern" in rule.doc and bool(rule.doc[TARGETS])


def _events(note: Happened) -> list[Document]:
    if note.kind == outbox.EVENT:
        return [note.doc]
    if note.kind == outbox.OBJECT:
        place, at = (note.id, note.account, note.region, note.arn), from_micros(note.at)
        return [objects.event_of(*place, at, note.doc, gone=note.gone)]
    change = Change(
        number=note.id,
        kind=note.kind,
        detail_type=registry.find("sagemaker", note.kind).announced,
        account=note.account,
        region=note.region,
        arn=note.arn,
        at=from_micros(note.at),
        was=note.was,
        changed=note.changed,
        gone=note.gone,
        doc=note.doc,
    )
    return list(events_of(change))


@lru_cache(maxsize=2000)
def _pattern(text: str) -> pattern.Pattern | None:
    try:
        return pattern.parse(text)
    except pattern.PatternFault:  # one that an older release took
        return None
