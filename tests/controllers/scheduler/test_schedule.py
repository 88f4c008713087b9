"""The life of schedules and of rules that have times: each time is acted on once, whoever is killed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.controllers.worlds import ACCOUNT, LEASE_OVER, NOON, REGION, ROLE, DyingRecords, Killed, World

from clary.controllers.events.scheduled_rule import ScheduledRules
from clary.controllers.scheduler.schedule import Schedules
from clary.controllers.step import Controller
from clary.core.document import Document
from clary.resources.events.rule import RULE
from clary.resources.scheduler.schedule import SCHEDULE
from clary.store.events import deliveries, reached
from clary.store.record import Record
from clary.store.times import micros

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
MINUTE = timedelta(minutes=1)


def schedule(world: World, expression: str, **more: object) -> Record:
    doc: Document = {
        "Name": "s",
        "GroupName": "default",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": QUEUE, "RoleArn": ROLE},
        "ActionAfterCompletion": "NONE",
        "_Since": world.clock.now(),
        **more,
    }
    return world.records.create(SCHEDULE, doc, due=world.clock.now())


def rule(world: World, expression: str) -> Record:
    doc = {
        "Name": "r",
        "EventBusName": "default",
        "_Bus": "",
        "State": "ENABLED",
        "ScheduleExpression": expression,
        "_Targets": [{"Id": "1", "Arn": QUEUE}],
        "_Since": world.clock.now(),
    }
    return world.records.create(RULE, doc, due=world.clock.now())


def controllers(world: World) -> list[Controller]:
    return [Schedules(world.means), ScheduledRules(world.means)]


def settled(world: World) -> None:
    """Tend until nothing is due any more."""
    for _ in range(10):
        if not world.tend(controllers(world)):
            return
    raise AssertionError("something is due for ever")


def sent(world: World) -> list[deliveries.Delivery]:
    return deliveries.due(world.records.database, micros(world.clock.now()), 100)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def test_a_schedule_acts_at_each_of_its_times(world: World) -> None:
    record = schedule(world, "rate(5 minutes)")
    settled(world)
    assert len(sent(world)) == 1  # a rate without a StartDate begins at once
    world.later(4 * MINUTE)
    settled(world)
    assert len(sent(world)) == 1
    world.later(MINUTE)
    settled(world)
    first, second = sent(world)
    assert first.token != second.token
    assert first.request["Said"]["scheduled-time"] == "2026-11-01T12:00:00Z"
    assert second.source == record.arn
    assert second.expires == micros(NOON + 5 * MINUTE + timedelta(days=1))
    assert world.reread(record).due == NOON + 10 * MINUTE


def test_a_rules_rate_begins_one_period_later(world: World) -> None:
    record = rule(world, "rate(5 minutes)")
    settled(world)
    assert sent(world) == []
    world.later(5 * MINUTE)
    settled(world)
    [one] = sent(world)
    event = json.loads(one.request["Body"])
    assert (event["detail-type"], event["source"]) == ("Scheduled Event", "aws.events")
    assert (event["resources"], event["time"]) == ([record.arn], "2026-11-01T12:05:00Z")


@pytest.mark.parametrize("make", [schedule, rule])
def test_a_kill_between_acting_and_noting_it_acts_once(world: World, make: object) -> None:
    assert callable(make)
    make(world, "rate(5 minutes)")
    settled(world)
    before = len(sent(world))
    world.later(5 * MINUTE)
    for _ in range(3):
        dying = DyingRecords(world.records, 0)
        with pytest.raises(Killed):
            world.tend(controllers(world), "dead", records=dying)
        world.later(LEASE_OVER)
    settled(world)
    assert len(sent(world)) == before + 1


def test_of_missed_times_the_last_is_made_up_for(world: World) -> None:
    schedule(world, "cron(30 * * * ? *)")
    settled(world)
    world.later(timedelta(hours=7, minutes=45))
    settled(world)
    [one] = sent(world)
    assert one.request["Said"]["scheduled-time"] == "2026-11-01T19:30:00Z"


@pytest.mark.parametrize(("action", "stays"), [("NONE", True), ("DELETE", False)])
def test_a_schedule_that_is_over_stays_or_goes(world: World, action: str, stays: bool) -> None:
    record = schedule(world, "at(2026-11-01T12:01:00)", ActionAfterCompletion=action)
    settled(world)
    assert world.reread(record).due == NOON + MINUTE
    world.later(MINUTE)
    settled(world)
    assert len(sent(world)) == 1
    left = world.records.by_uid(record.uid)
    assert (left is not None) is stays
    assert left is None or left.due is None
    assert (reached.last(world.records.database, record.uid) is not None) is stays


def test_a_kill_before_a_schedule_that_is_over_goes_does_not_act_again(world: World) -> None:
    record = schedule(world, "at(2026-11-01T12:01:00)", ActionAfterCompletion="DELETE")
    world.later(MINUTE)
    world.tend(controllers(world))
    with pytest.raises(Killed):
        world.tend(controllers(world), "dead", records=DyingRecords(world.records, 0))
    world.later(LEASE_OVER)
    settled(world)
    assert len(sent(world)) == 1
    assert world.records.by_uid(record.uid) is None


def test_a_schedule_that_is_off_rests(world: World) -> None:
    record = schedule(world, "rate(1 minute)", State="DISABLED")
    settled(world)
    assert (sent(world), world.reread(record).due) == ([], None)


def test_a_schedule_without_an_input_sends_an_event(world: World) -> None:
    record = schedule(world, "rate(1 minute)")
    settled(world)
    [one] = sent(world)
    assert f'"resources":["{record.arn}"]' in one.request["Body"]
    assert datetime.fromisoformat(one.request["Said"]["scheduled-time"]) == NOON
