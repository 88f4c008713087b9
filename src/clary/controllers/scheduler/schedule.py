"""The life of a schedule: each of its times is acted on once, whoever is killed in between.

That a time was reached is kept in the transaction that keeps the call to be made for it.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from clary.controllers.means import Means
from clary.controllers.step import Step
from clary.core.document import Document
from clary.engines.events.announcement import stamp
from clary.engines.events.transform import compact
from clary.engines.scheduler import target
from clary.engines.scheduler.due import AGE, due, later
from clary.resources.scheduler.schedule import SCHEDULE
from clary.store.events import deliveries, reached
from clary.store.events.deliveries import Outgoing
from clary.store.record import Record
from clary.store.times import micros

FIRE = "fire"
TRIES = 185  # How often a call is tried again, where a schedule says nothing: evidence/event-schedules.md
FARTHEST = timedelta(days=1)  # The longest wait between two looks, should the clock be put.


class Schedules:
    """The controller of schedules."""

    resource = SCHEDULE

    def __init__(self, means: Means) -> None:
        self._means = means

    def look(self, record: Record, now: datetime) -> Step:
        """See whether a time has come."""
        return next_step(record, reached.last(self._means.records.database, record.uid), now)

    def act(self, record: Record, step: Step) -> Document:
        """Have the target called for one time, once."""
        at = datetime.fromisoformat(step.target)
        with self._means.records.database.write() as connection:
            if reached.reach(connection, record.uid, at):
                deliveries.add(connection, outgoing(record, at, self._means.records.clock.now()))
        return {}


def next_step(schedule: Record, last: datetime | None, now: datetime) -> Step:
    """Decide: act on the latest time that has come, wait for the next one, or end when there is none."""
    if schedule.status != "ENABLED":
        return Step(again=None)
    doc = schedule.doc
    case = due(doc, schedule.uid, schedule.created, doc["_Since"], last, now)
    if case.at is not None:
        return Step(effect=FIRE, target=case.at.isoformat(), again=timedelta(0))
    if case.look is not None:
        return Step(again=min(max(case.look - now, timedelta(0)), FARTHEST))
    return Step(delete=doc["ActionAfterCompletion"] == "DELETE", again=None)


def outgoing(schedule: Record, at: datetime, now: datetime) -> Outgoing:
    """Return the call that a schedule makes for one of its times."""
    wanted = schedule.doc["Target"]
    policy = wanted.get("RetryPolicy", {})
    age = timedelta(seconds=policy.get("MaximumEventAgeInSeconds", AGE))
    execution = str(uuid.uuid5(uuid.UUID(schedule.uid), at.isoformat()))
    said = {"schedule-arn": schedule.arn, "scheduled-time": stamp(at), "execution-id": execution}
    text = wanted.get("Input") or compact(_event(schedule, at, execution))
    return Outgoing(
        account=schedule.account,
        region=schedule.region,
        source=schedule.arn,
        token=execution,
        request={"Target": wanted, "Body": target.body(text, said), "Said": said},
        due=micros(now),
        expires=micros(at + later(schedule.doc, schedule.uid, at) + age),
        most=policy.get("MaximumRetryAttempts", TRIES),
    )


def _event(schedule: Record, at: datetime, execution: str) -> Document:
    return {
        "version": "0",
        "id": execution,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": schedule.account,
        "time": stamp(at),
        "region": schedule.region,
        "resources": [schedule.arn],
        "detail": "{}",
    }
