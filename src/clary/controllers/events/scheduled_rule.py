"""The life of rules with a ScheduleExpression: at each of its times the rule's targets are sent an event."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from clary.controllers.events.matching import AGE, outgoing
from clary.controllers.means import Means
from clary.controllers.step import Step
from clary.core.document import Document
from clary.engines.events import schedule
from clary.engines.events.announcement import stamp
from clary.resources.events.rule import RULE
from clary.store.events import deliveries, reached
from clary.store.record import Record

FIRE = "fire"
FARTHEST = timedelta(days=1)  # The longest wait between two looks, should the clock be put.


class ScheduledRules:
    """The controller of rules that have times."""

    resource = RULE

    def __init__(self, means: Means) -> None:
        self._means = means

    def look(self, record: Record, now: datetime) -> Step:
        """See whether a time has come."""
        return next_step(record, reached.last(self._means.records.database, record.uid), now)

    def act(self, record: Record, step: Step) -> Document:
        """Send the targets the event of one time, once."""
        at = datetime.fromisoformat(step.target)
        with self._means.records.database.write() as connection:
            if reached.reach(connection, record.uid, at):
                for each in outgoing(record, event_of(record, at), self._means.records.clock.now()):
                    deliveries.add(connection, each)
        return {}


def next_step(rule: Record, last: datetime | None, now: datetime) -> Step:
    """Decide: fire for the latest time that has come, or wait for the next one."""
    if rule.status != "ENABLED" or "ScheduleExpression" not in rule.doc:
        return Step(again=None)
    times = schedule.read(rule.doc["ScheduleExpression"], once=False)
    since: datetime = rule.doc.get("_Since", rule.created)
    start = since + times.period if times.period else since
    behind = max(since, last or since, now - AGE)
    if (due := times.last(behind, now, start)) is not None:
        return Step(effect=FIRE, target=due.isoformat(), again=timedelta(0))
    coming = times.next(now, start)
    return Step(again=None if coming is None else min(coming - now, FARTHEST))


def event_of(rule: Record, at: datetime) -> Document:
    """Return the event of one of a rule's times."""
    return {
        "version": "0",
        "id": str(uuid.uuid5(uuid.UUID(rule.uid), at.isoformat())),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": rule.account,
        "time": stamp(at),
        "region": rule.region,
        "resources": [rule.arn],
        "detail": {},
    }
