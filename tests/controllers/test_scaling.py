"""How many hosts a variant should have, as tables; and the changes that follow, over a real store."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.controllers.worlds import ACCOUNT, NOON, REGION, World

from clary.controllers.inference.scaling import (
    FIRST_PAUSE,
    Move,
    Reading,
    Tracking,
    Variant,
    wanted,
)
from clary.controllers.inference.scaling_world import ScalableTargets, set_off
from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.core.principal import Principal
from clary.resources.application_autoscaling.scalable_target import SCALABLE_TARGET
from clary.resources.application_autoscaling.scaling_policy import SCALING_POLICY
from clary.resources.cloudwatch.alarm import METRIC_ALARM
from clary.resources.inference.endpoint import ENDPOINT
from clary.store.metrics import Columns, Series
from clary.store.metrics.store import STANDARD, subject_of

LONG_AGO = NOON - timedelta(hours=1)
POLICY = (
    f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:1"
    ":resource/sagemaker/endpoint/e/variant/v:policyName/p"
)


def variant(count: int, since: datetime = LONG_AGO) -> Variant:
    return Variant(status="InService", since=since, count=count, current=count)


def reading(*values: float | None, minutes_ago: int = 0, idle: bool = False) -> Reading:
    first = NOON - timedelta(minutes=len(values) + minutes_ago)
    points = tuple((first + timedelta(minutes=n), value) for n, value in enumerate(values))
    return Reading(alarm="a", points=points, idle=idle)


def policy(high: Reading | None = None, low: Reading | None = None, **more: Any) -> Tracking:
    minutes = timedelta(seconds=300)
    given: dict[str, Any] = {"name": "p", "target": 10.0, "out_cooldown": minutes, "in_cooldown": minutes}
    return Tracking(**{**given, "high": high, "low": low, **more})


def target(low: int = 1, high: int = 4, *activities: Document, **more: Any) -> Document:
    return {"MinCapacity": low, "MaxCapacity": high, "_Activities": list(activities), **more}


def done(before: int, after: int, ago: int, status: str = "Successful") -> Document:
    return {"_From": before, "_To": after, "StatusCode": status, "EndTime": NOON - timedelta(seconds=ago)}


def to(doc: Document, count: int, *policies: Tracking, since: datetime = LONG_AGO) -> int | None:
    move = wanted(doc, policies, variant(count, since), NOON)
    return move.to if move else None


@pytest.mark.parametrize(
    ("count", "value", "expected"),
    [
        (1, 20.0, 2),
        (1, 20.1, 3),
        (2, 15.0, 3),
        (1, 1000.0, 4),
        (4, 1000.0, None),
        (2, 10.0, None),
        (0, 15.0, 2),
    ],
)
def test_a_variant_grows_in_proportion_to_its_metric(count: int, value: float, expected: int | None) -> None:
    assert to(target(low=0), count, policy(high=reading(value))) == expected


@pytest.mark.parametrize(
    ("count", "values", "expected"),
    [
        (4, (2.0, 2.0), 1),
        (4, (2.0, 6.0), 3),  # the highest of them counts
        (4, (None, None), 1),  # no calls
        (4, (None, 3.0), 2),
        (2, (8.9, 8.9), None),  # one host less would be too few
        (1, (0.0, 0.0), None),
    ],
)
def test_a_variant_shrinks_by_the_highest_of_a_while(
    count: int, values: tuple[float | None, ...], expected: int | None
) -> None:
    assert to(target(), count, policy(low=reading(*values))) == expected


def test_without_an_alarm_that_is_on_nothing_changes() -> None:
    assert to(target(), 2, policy()) is None


def test_datapoints_from_before_the_last_change_do_not_count() -> None:
    lately = NOON - timedelta(seconds=90)
    assert to(target(), 2, policy(high=reading(50.0)), since=lately) == 4
    assert to(target(), 2, policy(high=reading(50.0, minutes_ago=1)), since=lately) is None
    assert to(target(), 2, policy(low=reading(0.0, 0.0)), since=lately) is None


def test_only_a_larger_growth_comes_within_the_cooldown_of_the_last() -> None:
    recent = target(1, 9, done(1, 3, ago=200))
    assert to(recent, 3, policy(high=reading(16.0))) is None  # 2 more, as last time
    assert to(recent, 3, policy(high=reading(20.0))) == 6
    assert to(target(1, 9, done(1, 3, ago=300)), 3, policy(high=reading(16.0))) == 5


def test_hosts_are_not_taken_away_within_the_cooldown_of_the_last_time() -> None:
    idle = policy(low=reading(None, None))
    assert to(target(1, 4, done(4, 3, ago=299)), 3, idle) is None
    assert to(target(1, 4, done(4, 3, ago=300)), 3, idle) == 1
    assert (
        to(target(1, 4, done(4, 3, ago=299)), 3, policy(high=reading(20.0))) == 4
    )  # which does not hold growth


def test_the_largest_policy_wins_and_all_must_agree_to_shrink() -> None:
    idle, busy = policy(low=reading(None, None)), policy(high=reading(15.0))
    assert to(target(), 2, idle, busy) == 3
    assert to(target(), 4, idle, policy()) is None
    assert to(target(), 4, idle, policy(low=reading(4.0, 4.0))) == 2
    assert to(target(), 4, idle, policy(shrinks=False)) == 1
    assert to(target(), 4, policy(low=reading(None, None), shrinks=False)) is None


def test_zero_hosts_are_left_only_where_nobody_called() -> None:
    assert to(target(low=0), 1, policy(low=reading(None, None))) == 0
    assert to(target(low=0), 1, policy(low=reading(0.5, 0.5))) is None
    assert to(target(low=0), 1, policy(low=reading(0.5, 0.5, idle=True))) == 0


def test_a_call_that_waits_brings_the_first_host() -> None:
    asked = {"_Asked": NOON - timedelta(seconds=3)}
    assert wanted(target(0, 4, **asked), (), variant(0), NOON) == Move(
        1, "a call waits for an instance while there is none"
    )
    assert to(target(0, 4, **asked), 1) is None
    assert to(target(0, 0, **asked), 0) is None
    assert to(target(0, 4, _Asked=NOON - timedelta(minutes=2)), 0) is None


def test_bounds_hold_and_a_suspension_does_too() -> None:
    assert to(target(2, 4), 1) == 2
    assert to(target(1, 4), 6) == 4
    out, back = {"DynamicScalingOutSuspended": True}, {"DynamicScalingInSuspended": True}
    assert to(target(2, 4, SuspendedState=out), 1, policy(high=reading(50.0))) is None
    assert to(target(1, 4, SuspendedState=back), 4, policy(low=reading(None, None))) is None


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


class Fleet:
    """An endpoint that does what it is asked, or refuses; and a target with one policy."""

    def __init__(self, world: World, count: int = 1, low: int = 1) -> None:
        self.world, self.asked, self.callers = world, list[int](), list[Principal]()
        self.refusal, self.deregistered = "", list[str]()
        self.endpoint = world.records.create(ENDPOINT, {"EndpointName": "e", **self.state(count, count)})
        place = {
            "ServiceNamespace": "sagemaker",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "ResourceId": "endpoint/e/variant/v",
        }
        doc = {**place, "MinCapacity": low, "MaxCapacity": 4, "TargetId": "t"}
        self.target = world.records.create(SCALABLE_TARGET, doc, due=NOON)
        config = {"TargetValue": 10.0, "PredefinedMetricSpecification": {}}
        alarms = [{"AlarmName": f"t-Alarm{side}-1"} for side in ("High", "Low")]
        kept = {**place, "PolicyName": "p", "PolicyId": "1", "Alarms": alarms}
        world.records.create(SCALING_POLICY, {**kept, "TargetTrackingScalingPolicyConfiguration": config})
        for each, periods in zip(alarms, (1, 2), strict=True):
            metric = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60}
            world.records.create(
                METRIC_ALARM, {**each, **metric, "EvaluationPeriods": periods, "StateValue": "OK"}
            )
        self.means = replace(world.means, call=self.call)
        world.later(timedelta(hours=1))

    def state(self, count: int, current: int, status: str = "InService") -> Document:
        wanted = {"Variants": [{"VariantName": "v", "Count": count}]}
        return {"EndpointStatus": status, "_Wanted": wanted, "_Hosts": [{"Variant": "v"}] * current}

    def be(self, count: int, current: int, status: str = "InService", **more: Any) -> None:
        endpoint = self.world.reread(self.endpoint)
        self.world.records.update(endpoint, {**self.state(count, current, status), **more})

    def call(
        self, caller: Principal, region: str, operation: str, request: Document, more: Document
    ) -> Document:
        if operation == "application-autoscaling:DeregisterScalableTarget":
            self.deregistered.append(request["ResourceId"])
            return {}
        assert operation == "UpdateEndpointWeightsAndCapacities"
        if self.refusal:
            raise ValidationError(self.refusal)
        [asked] = request["DesiredWeightsAndCapacities"]
        self.callers.append(caller)
        self.asked.append(asked["DesiredInstanceCount"])
        return {}

    def alarm(self, side: str, *values: float) -> None:
        """Put an alarm on, its metric having had these values in the last minutes."""
        record = self.world.records.find(METRIC_ALARM, f"t-Alarm{side}-1")
        assert record is not None
        self.world.records.update(record, {"StateValue": "ALARM"})
        series = Series(ACCOUNT, REGION, "n", "m", subject_of([]), "None", STANDARD)
        columns = Columns.empty("qd")
        for n, value in enumerate(values):
            at = self.world.clock.at - timedelta(minutes=len(values) - n)
            columns.append(int(at.timestamp()) * 1000, value)
        if values:
            self.world.means.metrics.put([(series, columns)])

    def tend(self, after: float = 10) -> list[Document]:
        """Let time pass and the controller look; return the activities."""
        self.world.later(timedelta(seconds=after))
        controller = ScalableTargets(self.means, self.world.clock.now)
        for _ in range(9):
            if not self.world.tend([controller]):
                break
        found: list[Document] = self.world.reread(self.target).doc.get("_Activities", [])
        return found


def test_a_change_is_written_asked_for_and_followed_to_its_end(world: World) -> None:
    fleet = Fleet(world)
    assert fleet.tend() == []
    fleet.alarm("High", 25.0)
    [activity] = fleet.tend()
    assert (activity["StatusCode"], fleet.asked) == ("InProgress", [3])
    assert activity["Cause"] == "monitor alarm t-AlarmHigh-1 in state ALARM triggered policy p"
    assert fleet.callers[0].arn.endswith(
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint/AutoScaling"
    )
    fleet.be(3, 1, "Updating")
    assert fleet.tend()[0]["StatusCode"] == "InProgress"
    fleet.be(3, 3)
    [activity] = fleet.tend()
    assert activity["StatusCode"] == "Successful"
    assert activity["EndTime"] == world.clock.now()
    assert fleet.asked == [3]


def test_a_controller_that_was_killed_goes_on_with_what_it_wrote_down(world: World) -> None:
    fleet = Fleet(world)
    fleet.alarm("High", 25.0)
    written = {"StatusCode": "Pending", "StartTime": NOON, "_From": 1, "_To": 3, "ActivityId": "a"}
    world.records.update(world.reread(fleet.target), {"_Activities": [written]})
    assert fleet.tend()[0]["StatusCode"] == "InProgress"
    assert fleet.asked == [3]
    world.records.update(world.reread(fleet.target), {"_Activities": [written]})  # killed behind the call
    fleet.be(3, 1, "Updating")
    assert fleet.tend()[0]["StatusCode"] == "InProgress"
    assert fleet.asked == [3]


def test_a_change_that_was_taken_back_or_refused_failed_and_is_not_tried_again_at_once(world: World) -> None:
    fleet = Fleet(world)
    fleet.alarm("High", 25.0)
    fleet.tend()
    fleet.be(1, 1, FailureReason="The update was taken back: no room")
    [activity] = fleet.tend()
    assert (activity["StatusCode"], activity["StatusMessage"]) == (
        "Failed",
        "The update was taken back: no room",
    )
    fleet.refusal = "not so many"
    fleet.alarm("High", 25.0)
    assert len(fleet.tend(after=FIRST_PAUSE.total_seconds() - 10)) == 1
    world.later(timedelta(minutes=2))
    fleet.alarm("High", 25.0)
    [activity, _] = fleet.tend()
    assert (activity["StatusCode"], activity["StatusMessage"]) == ("Failed", "not so many")


def test_somebody_else_may_scale_meanwhile(world: World) -> None:
    fleet = Fleet(world)
    fleet.alarm("High", 25.0)
    fleet.tend()
    fleet.be(2, 2)
    assert fleet.tend(after=1)[0]["StatusCode"] == "Overridden"


def test_a_variant_that_is_gone_ends_what_was_under_way(world: World) -> None:
    fleet = Fleet(world)
    fleet.alarm("High", 25.0)
    fleet.tend()
    world.records.update(world.reread(fleet.endpoint), {"_Wanted": {"Variants": []}})
    assert fleet.tend()[0]["StatusCode"] == "Failed"
    assert fleet.deregistered == []


def test_a_target_goes_with_its_endpoint(world: World) -> None:
    fleet = Fleet(world)
    world.records.delete(world.reread(fleet.endpoint))
    fleet.tend()
    assert fleet.deregistered == ["endpoint/e/variant/v"]


def test_an_idle_variant_goes_to_zero_and_a_call_brings_it_back(world: World) -> None:
    fleet = Fleet(world, low=0)
    fleet.alarm("Low")
    assert fleet.tend()[0]["Description"] == "Setting desired instance count to 0."
    fleet.be(0, 0)
    assert fleet.tend()[0]["StatusCode"] == "Successful"
    world.records.update(world.reread(fleet.target), {"_Asked": world.clock.now()}, due=world.clock.now())
    fleet.tend()
    assert fleet.asked == [0, 1]
    fleet.be(1, 1)
    fleet.tend()
    assert "_Asked" not in world.reread(fleet.target).doc
    assert fleet.asked == [0, 1]


@pytest.mark.parametrize(("backlog", "asked"), [((0.0, 0.0), [0]), ((0.0, 3.0), [])])
def test_an_asynchronous_endpoint_goes_to_zero_by_its_backlog_only(
    world: World, backlog: tuple[float, ...], asked: list[int]
) -> None:
    fleet = Fleet(world, low=0)
    config = {"AsyncInferenceConfig": {"OutputConfig": {}}, "Variants": [{"VariantName": "v", "Count": 1}]}
    fleet.be(1, 1, _Wanted=config)
    fleet.alarm("Low", *backlog)
    fleet.tend()
    assert fleet.asked == asked


def test_an_alarm_reaches_the_policy_that_there_is(world: World) -> None:
    fleet = Fleet(world)
    alarm = world.records.find(METRIC_ALARM, "t-AlarmHigh-1")
    assert alarm is not None
    deliver = set_off(world.means, lambda record, action, pending: "nobody")
    assert deliver(alarm, POLICY, {}) is None
    assert deliver(alarm, f"{POLICY}-2", {}) == f"There is no scaling policy {POLICY}-2."
    assert deliver(alarm, f"arn:aws:sns:{REGION}:{ACCOUNT}:topic", {}) == "nobody"
    assert fleet.asked == []
