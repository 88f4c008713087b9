"""Alarms over their lives: what they see, how they change, what they leave in their history."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.controllers.worlds import ACCOUNT, NOON, REGION, World

from clary.controllers.cloudwatch.composite_alarm import CompositeAlarms
from clary.controllers.cloudwatch.metric_alarm import MetricAlarms
from clary.controllers.step import Controller
from clary.core.document import Document
from clary.resources.cloudwatch.alarm import COMPOSITE_ALARM, METRIC_ALARM
from clary.store.metrics import Columns, Series
from clary.store.metrics.alarm_history import AlarmHistory, Item
from clary.store.record import Record

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
CPU = Series(ACCOUNT, REGION, "Own", "cpu", "[]", "None", 60)
MINUTE = timedelta(minutes=1)
NEXT = timedelta(seconds=61)  # Alarms are looked at a second after the minute.
FRESH = {"StateValue": "INSUFFICIENT_DATA", "StateReason": "Unchecked: Initial alarm creation"}
PLAIN: Document = {
    "AlarmName": "hot",
    "Namespace": "Own",
    "MetricName": "cpu",
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 80.0,
    "ComparisonOperator": "GreaterThanThreshold",
    **FRESH,
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def alarm(world: World, **members: object) -> Record:
    return world.records.create(METRIC_ALARM, {**PLAIN, **members}, due=world.clock.now())


def measure(world: World, value: float, ago: timedelta = MINUTE, series: Series = CPU) -> None:
    points = Columns.empty("qd")
    points.append(int((world.clock.now() - ago).timestamp()) * 1000, value)
    world.means.metrics.put([(series, points)])


def settle(world: World, record: Record) -> Document:
    """Let the alarm take all the steps that are due now."""
    now = world.clock.now
    controllers: list[Controller] = [MetricAlarms(world.means, now), CompositeAlarms(world.means, now)]
    while world.tend(controllers):
        pass
    return world.reread(record).doc


def history(world: World) -> list[Item]:
    return AlarmHistory(world.records.database, ACCOUNT, REGION).page(descending=False, limit=100)


def test_an_alarm_goes_off_and_comes_to_rest(world: World) -> None:
    record = alarm(world)
    assert settle(world, record)["StateReason"] == FRESH["StateReason"]
    for value, state in ((50.0, "OK"), (90.0, "ALARM"), (95.0, "ALARM"), (80.0, "OK")):
        world.later(NEXT)
        measure(world, value)
        assert settle(world, record)["StateValue"] == state
    changes = [item.summary for item in history(world)]
    assert changes == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]


def test_a_change_is_written_with_reason_data_history_and_actions(world: World) -> None:
    record = alarm(world, AlarmActions=[TOPIC])
    measure(world, 90.0)
    doc = settle(world, record)
    assert doc["StateValue"] == "ALARM"
    assert doc["StateReason"] == (
        "Threshold Crossed: 1 datapoint [90.0 (01/11/26 11:59:00)] was greater than the threshold (80.0)."
    )
    assert doc["StateTransitionedTimestamp"] == doc["StateUpdatedTimestamp"] == NOON
    assert json.loads(doc["StateReasonData"])["recentDatapoints"] == [90.0]
    assert "_Pending" not in doc
    update, action = history(world)
    assert (update.kind, update.summary) == ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM")
    assert json.loads(update.data)["newState"]["stateReasonData"]["statistic"] == "Average"
    assert action.kind == "Action"
    assert action.summary.startswith(f"Failed to execute action {TOPIC}. Reason: Clary has nobody")


def test_an_action_is_handed_on_once_for_each_change(world: World) -> None:
    handed: list[tuple[str, str]] = []

    def deliver(record: Record, action: str, change: Document) -> str | None:
        handed.append((action, change["New"]))
        return None

    record = alarm(world, AlarmActions=[TOPIC], OKActions=[TOPIC])
    controllers = [MetricAlarms(world.means, world.clock.now, deliver)]
    measure(world, 90.0)
    for _ in range(5):
        world.tend(controllers)
    world.later(NEXT)
    measure(world, 10.0)
    for _ in range(5):
        world.tend(controllers)
    assert handed == [(TOPIC, "ALARM"), (TOPIC, "OK")]
    assert world.reread(record).doc["StateValue"] == "OK"
    done = [item.summary for item in history(world) if item.kind == "Action"]
    assert done == [f"Successfully executed action {TOPIC}"] * 2


def test_an_alarm_whose_actions_are_off_changes_without_them(world: World) -> None:
    record = alarm(world, AlarmActions=[TOPIC], ActionsEnabled=False)
    measure(world, 90.0)
    assert settle(world, record)["StateValue"] == "ALARM"
    assert [item.kind for item in history(world)] == ["StateUpdate"]


def test_periods_end_with_the_last_whole_minute(world: World) -> None:
    record = alarm(world, Period=300, EvaluationPeriods=2)
    world.later(timedelta(minutes=7, seconds=38))
    for minutes in (1, 6):
        measure(world, 90.0, timedelta(minutes=minutes))
    doc = settle(world, record)
    data = json.loads(doc["StateReasonData"])
    assert (doc["StateValue"], data["startDate"]) == ("ALARM", "2026-11-01T11:57:00.000+0000")
    assert [p["timestamp"] for p in data["evaluatedDatapoints"]] == [
        "2026-11-01T12:02:00.000+0000",
        "2026-11-01T11:57:00.000+0000",
    ]


@pytest.mark.parametrize(
    ("treatment", "state"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "ALARM"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_a_metric_that_falls_silent_counts_as_the_alarm_says(
    world: World, treatment: str, state: str
) -> None:
    record = alarm(world, TreatMissingData=treatment)
    measure(world, 90.0)
    settle(world, record)
    world.later(timedelta(minutes=10))
    assert settle(world, record)["StateValue"] == state


def test_an_alarm_of_high_resolution_is_looked_at_every_ten_seconds(world: World) -> None:
    record = alarm(world, Period=10, ExtendedStatistic="p90", Statistic=None)
    fine = Series(ACCOUNT, REGION, "Own", "cpu", "[]", "None", 1)
    measure(world, 90.0, timedelta(seconds=5), fine)
    assert settle(world, record)["StateValue"] == "ALARM"
    due = world.reread(record).due
    assert due is not None
    assert due - world.clock.now() == timedelta(seconds=11)


def test_an_expression_is_watched(world: World) -> None:
    def of(name: str) -> Document:
        return {"Metric": {"Namespace": "Own", "MetricName": name}, "Period": 60, "Stat": "Sum"}

    metrics = [
        {"Id": "errors", "MetricStat": of("errors"), "ReturnData": False},
        {"Id": "calls", "MetricStat": of("calls"), "ReturnData": False},
        {"Id": "share", "Expression": "100 * errors / calls"},
    ]
    doc = {name: value for name, value in PLAIN.items() if name not in ("Namespace", "MetricName", "Period")}
    del doc["Statistic"]
    record = world.records.create(METRIC_ALARM, {**doc, "Metrics": metrics}, due=world.clock.now())
    for name, value in (("errors", 9.0), ("calls", 10.0)):
        measure(world, value, series=Series(ACCOUNT, REGION, "Own", name, "[]", "Count", 60))
    told = settle(world, record)
    assert told["StateValue"] == "ALARM"
    assert "[90.0 (" in told["StateReason"]


def test_too_few_samples_for_a_percentile_change_nothing_if_the_alarm_says_so(world: World) -> None:
    record = alarm(world, Statistic=None, ExtendedStatistic="p99", EvaluateLowSampleCountPercentile="ignore")
    measure(world, 90.0)
    assert settle(world, record)["StateValue"] == "INSUFFICIENT_DATA"


def test_another_accounts_metric_is_not_seen(world: World) -> None:
    record = alarm(world)
    measure(world, 90.0, series=Series("111111111111", REGION, "Own", "cpu", "[]", "None", 60))
    assert settle(world, record)["StateValue"] == "INSUFFICIENT_DATA"


def test_a_composite_alarm_follows_the_alarms_it_names(world: World) -> None:
    record = alarm(world)
    doc: Document = {"AlarmName": "both", "AlarmRule": "ALARM(hot) AND NOT ALARM(cold)", **FRESH}
    composite = world.records.create(COMPOSITE_ALARM, doc, due=world.clock.now())
    assert settle(world, composite)["StateValue"] == "OK"
    world.later(NEXT)
    measure(world, 90.0)
    settle(world, record)
    world.later(timedelta(seconds=5))
    told = settle(world, composite)
    assert told["StateValue"] == "ALARM"
    assert record.arn in told["StateReason"]
