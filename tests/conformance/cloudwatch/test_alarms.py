"""Alarms, dashboards and their tags as boto3 sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

TOPIC = "arn:aws:sns:us-east-1:000000000000:alarms"
RULE = {
    "Namespace": "Own",
    "MetricName": "cpu",
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 80.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.fixture(scope="module")
def cloudwatch(server: Server) -> Any:
    return server.client("cloudwatch")


@pytest.fixture
def name() -> str:
    return f"alarm-{uuid4().hex[:8]}"


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**request)
    code: str = error.value.response["Error"]["Code"]
    return code


def test_an_alarm_is_put_described_changed_and_deleted(cloudwatch: Any, name: str) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=name, AlarmActions=[TOPIC], Tags=[{"Key": "a", "Value": "1"}], **RULE
    )
    [told] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert told["AlarmArn"] == f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"
    assert (told["StateValue"], told["StateReason"]) == (
        "INSUFFICIENT_DATA",
        "Unchecked: Initial alarm creation",
    )
    assert {member: told[member] for member in RULE} == RULE
    assert (told["ActionsEnabled"], told["AlarmActions"], told["OKActions"]) == (True, [TOPIC], [])
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="by hand")
    cloudwatch.put_metric_alarm(AlarmName=name, TreatMissingData="ignore", **RULE)
    [told] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert (told["StateValue"], told["AlarmActions"], told["TreatMissingData"]) == ("OK", [], "ignore")
    assert cloudwatch.list_tags_for_resource(ResourceARN=told["AlarmArn"])["Tags"] == [
        {"Key": "a", "Value": "1"}
    ]
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []
    items = cloudwatch.describe_alarm_history(AlarmName=name, ScanBy="TimestampAscending")[
        "AlarmHistoryItems"
    ]
    assert [item["HistorySummary"] for item in items] == [
        f'Alarm "{name}" created',
        "Alarm updated from INSUFFICIENT_DATA to OK",
        f'Alarm "{name}" updated',
        f'Alarm "{name}" deleted',
    ]
    assert json.loads(items[1]["HistoryData"])["newState"]["stateReason"] == "by hand"


def test_history_is_read_in_pages_of_either_direction(cloudwatch: Any, name: str) -> None:
    cloudwatch.put_metric_alarm(AlarmName=name, **RULE)
    for number in range(7):
        state = "ALARM" if number % 2 else "OK"
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=str(number))
    for way in ("TimestampAscending", "TimestampDescending"):
        pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
            AlarmName=name, HistoryItemType="StateUpdate", ScanBy=way, PaginationConfig={"PageSize": 3}
        )
        items = [item for page in pages for item in page["AlarmHistoryItems"]]
        reasons = [json.loads(item["HistoryData"])["newState"]["stateReason"] for item in items]
        assert reasons == sorted(map(str, range(7)), reverse=way.endswith("Descending"))
    assert refused(cloudwatch.describe_alarm_history, AlarmName=name, NextToken="x") == "InvalidNextToken"


def test_alarms_are_told_apart_by_name_state_and_action(cloudwatch: Any, name: str) -> None:
    names = [f"{name}-{number}" for number in range(5)]
    for each in names:
        cloudwatch.put_metric_alarm(AlarmName=each, AlarmActions=[f"{TOPIC}-{each}"], **RULE)
    cloudwatch.set_alarm_state(AlarmName=names[3], StateValue="ALARM", StateReason="by hand")

    def listed(**more: Any) -> list[str]:
        pages = cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=name, PaginationConfig={"PageSize": 2}, **more
        )
        return [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]

    assert listed() == names
    assert listed(StateValue="ALARM") == [names[3]]
    assert listed(ActionPrefix=f"{TOPIC}-{names[1]}") == [names[1]]
    assert listed(AlarmTypes=["CompositeAlarm"]) == []
    found = cloudwatch.describe_alarms_for_metric(Namespace="Own", MetricName="cpu", Period=60)
    assert set(names) <= {alarm["AlarmName"] for alarm in found["MetricAlarms"]}
    other = cloudwatch.describe_alarms_for_metric(Namespace="Own", MetricName="cpu", Period=120)
    assert other["MetricAlarms"] == []


def test_actions_are_switched_off_and_on(cloudwatch: Any, name: str) -> None:
    cloudwatch.put_metric_alarm(AlarmName=name, **RULE)
    for call, enabled in ((cloudwatch.disable_alarm_actions, False), (cloudwatch.enable_alarm_actions, True)):
        call(AlarmNames=[name, "not-there"])
        [told] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        assert told["ActionsEnabled"] is enabled


def test_deleting_is_all_or_nothing(cloudwatch: Any, name: str) -> None:
    cloudwatch.put_metric_alarm(AlarmName=name, **RULE)
    assert refused(cloudwatch.delete_alarms, AlarmNames=[name, f"{name}-not-there"]) == "ResourceNotFound"
    assert len(cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]) == 1
    state = {"AlarmName": name, "StateValue": "OK", "StateReason": "x"}
    assert refused(cloudwatch.set_alarm_state, **state, StateReasonData="{") == "InvalidFormat"
    state["AlarmName"] = f"{name}-not-there"
    assert refused(cloudwatch.set_alarm_state, **state) == "ResourceNotFound"
    cloudwatch.delete_alarms(AlarmNames=[name, name])


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"Threshold": None}, "MissingParameter"),
    ({"MetricName": None}, "MissingParameter"),
    ({"Statistic": None}, "InvalidParameterCombination"),
    ({"ExtendedStatistic": "p90"}, "InvalidParameterCombination"),
    ({"Statistic": None, "ExtendedStatistic": "p900"}, "ValidationError"),
    ({"Period": 45}, "ValidationError"),
    ({"Threshold": float("nan")}, "ValidationError"),
    ({"DatapointsToAlarm": 3}, "ValidationError"),
    ({"TreatMissingData": "panic"}, "ValidationError"),
    ({"EvaluationPeriods": 20000}, "ValidationError"),
    ({"AlarmActions": ["a-topic"]}, "ValidationError"),
    ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ValidationError"),
    ({"ThresholdMetricId": "band"}, "ValidationError"),
    ({"Metrics": [{"Id": "e", "Expression": "1"}]}, "InvalidParameterCombination"),
]


@pytest.mark.parametrize(("change", "code"), MISTAKES)
def test_an_alarm_that_makes_no_sense_is_refused(
    cloudwatch: Any, name: str, change: dict[str, Any], code: str
) -> None:
    request = {member: value for member, value in {**RULE, **change}.items() if value is not None}
    assert refused(cloudwatch.put_metric_alarm, AlarmName=name, **request) == code
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


def test_a_composite_alarm_is_kept_beside_the_others(cloudwatch: Any, name: str) -> None:
    rule = f'ALARM("{name}-a") OR ALARM("{name}-b")'
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=rule)
    [told] = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert (told["AlarmRule"], told["StateValue"]) == (rule, "INSUFFICIENT_DATA")
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []
    assert refused(cloudwatch.put_metric_alarm, AlarmName=name, **RULE) == "ValidationError"
    bad = {"AlarmName": f"{name}-x", "AlarmRule": "ALARM("}
    assert refused(cloudwatch.put_composite_alarm, **bad) == "ValidationError"


def test_a_dashboard_is_kept_as_it_was_put(cloudwatch: Any, name: str) -> None:
    body = json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "ä"}}]})
    assert (
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody="{}")["DashboardValidationMessages"] == []
    )
    cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)
    told = cloudwatch.get_dashboard(DashboardName=name)
    assert told["DashboardArn"] == f"arn:aws:cloudwatch::000000000000:dashboard/{name}"
    assert told["DashboardBody"] == body
    [entry] = cloudwatch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]
    assert (entry["DashboardName"], entry["Size"]) == (name, len(body.encode()))
    cloudwatch.tag_resource(ResourceARN=told["DashboardArn"], Tags=[{"Key": "k", "Value": "v"}])
    assert cloudwatch.list_tags_for_resource(ResourceARN=told["DashboardArn"])["Tags"] == [
        {"Key": "k", "Value": "v"}
    ]
    cloudwatch.untag_resource(ResourceARN=told["DashboardArn"], TagKeys=["k", "other"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=told["DashboardArn"])["Tags"] == []
    cloudwatch.delete_dashboards(DashboardNames=[name])
    assert refused(cloudwatch.get_dashboard, DashboardName=name) == "ResourceNotFound"
    assert refused(cloudwatch.delete_dashboards, DashboardNames=[name]) == "ResourceNotFound"
    assert refused(cloudwatch.put_dashboard, DashboardName=name, DashboardBody="{") == "InvalidParameterInput"
    arn = told["DashboardArn"]
    assert refused(cloudwatch.list_tags_for_resource, ResourceARN=arn) == "ResourceNotFoundException"
