"""The metric service as boto3 sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from tests.conformance.iam.people import refused
from tests.conformance.organizations.people import made

from clary.resources import registry

if TYPE_CHECKING:
    from tests.conftest import Server

BEGUN = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = 60_000


@pytest.fixture(scope="module")
def metrics(server: Server) -> Any:
    return server.client("sagemaker-metrics")


@pytest.fixture
def component(server: Server) -> str:
    name = f"metrics-{uuid4().hex[:8]}"
    if ("sagemaker", "TrialComponent") in registry.load():
        server.client("sagemaker").create_trial_component(TrialComponentName=name)
    return name


def arn(name: str) -> str:
    return f"arn:aws:sagemaker:us-east-1:000000000000:experiment-trial-component/{name}"


def put(metrics: Any, component: str, *points: tuple[float, float, int | None], name: str = "loss") -> Any:
    data = [
        {"MetricName": name, "Timestamp": BEGUN + timedelta(seconds=at), "Value": value}
        | ({} if step is None else {"Step": step})
        for at, value, step in points
    ]
    return metrics.batch_put_metrics(TrialComponentName=component, MetricData=data)


def ask(metrics: Any, component: str, **query: Any) -> Any:
    asked = {"MetricName": "loss", "ResourceArn": arn(component), "MetricStat": "Avg", "Period": "OneMinute"}
    asked |= {"XAxisType": "Timestamp", **query}
    [answer] = metrics.batch_get_metrics(MetricQueries=[asked])["MetricQueryResults"]
    return answer


@pytest.mark.parametrize(
    ("statistic", "values"),
    [
        ("Min", [1, 7]),
        ("Max", [4, 7]),
        ("Avg", [2.5, 7]),
        ("Count", [2, 1]),
        ("StdDev", [1.5, 0]),
        ("Last", [4, 7]),
    ],
)
def test_points_are_counted_by_the_minute(
    metrics: Any, component: str, statistic: str, values: list[float]
) -> None:
    assert "Errors" not in put(metrics, component, (59, 4.0, None), (0, 1.0, None), (60, 7.0, None))
    answer = ask(metrics, component, MetricStat=statistic)
    assert answer["Status"] == "Complete"
    assert answer["MetricValues"] == values
    first = int(BEGUN.timestamp() * 1000)
    assert answer["XAxisValues"] == [first, first + MINUTE]


def test_points_are_counted_by_the_step(metrics: Any, component: str) -> None:
    put(metrics, component, (0, 1.0, 5), (1, 2.0, 0), (2, 4.0, 5), (3, 9.0, None))
    by_step = {"Period": "IterationNumber", "XAxisType": "IterationNumber"}
    answer = ask(metrics, component, **by_step)
    assert (answer["XAxisValues"], answer["MetricValues"]) == ([0, 5], [2.0, 2.5])
    answer = ask(metrics, component, **by_step, Start=1, End=5, MetricStat="Last")
    assert (answer["XAxisValues"], answer["MetricValues"]) == ([5], [4.0])
    answer = ask(metrics, component, Period="IterationNumber")
    assert answer["XAxisValues"][1] == int(BEGUN.timestamp() * 1000)


def test_a_window_leaves_out_what_is_not_in_it(metrics: Any, component: str) -> None:
    put(metrics, component, *[(60.0 * n, float(n), n) for n in range(10)])
    first = int(BEGUN.timestamp() * 1000)
    answer = ask(metrics, component, Start=first + 2 * MINUTE, End=first + 4 * MINUTE)
    assert answer["MetricValues"] == [2.0, 3.0, 4.0]


def test_every_query_is_answered_by_itself_in_order(metrics: Any, component: str) -> None:
    put(metrics, component, (0, 1.0, 1))
    query = {
        "ResourceArn": arn(component),
        "MetricStat": "Avg",
        "Period": "OneHour",
        "XAxisType": "Timestamp",
    }
    elsewhere = arn(component).replace("us-east-1", "eu-west-1")
    asked = [
        {**query, "MetricName": "none"},
        {**query, "MetricName": "loss"},
        {**query, "MetricName": "loss", "ResourceArn": elsewhere},
        {**query, "MetricName": "loss", "XAxisType": "IterationNumber"},
    ]
    answers = metrics.batch_get_metrics(MetricQueries=asked)["MetricQueryResults"]
    assert [a["Status"] for a in answers] == [
        "ValidationError",
        "Complete",
        "ValidationError",
        "ValidationError",
    ]
    assert all(a["Message"] for a in answers if a["Status"] != "Complete")


def test_another_accounts_metrics_are_refused(server: Server, metrics: Any, component: str) -> None:
    """No policy of that account lets anybody in, so the call is refused before any of its queries is read."""
    foreign = arn(component).replace("000000000000", made(server))
    with refused("AccessDeniedException", f"sagemaker:BatchGetMetrics on resource: {foreign}"):
        ask(metrics, component, ResourceArn=foreign)


@pytest.mark.parametrize("part", ["000000000000", "us-east-1"])
def test_what_lies_elsewhere_is_not_answered(metrics: Any, component: str, part: str) -> None:
    """An account that this server does not have has nothing here that could be refused."""
    put(metrics, component, (0, 1.0, 1))
    elsewhere = {"000000000000": "999999999999", "us-east-1": "eu-west-1"}[part]
    answer = ask(metrics, component, ResourceArn=arn(component).replace(part, elsewhere))
    assert (answer["Status"], answer["MetricValues"]) == ("ValidationError", [])


def test_a_point_that_cannot_be_taken_is_reported_and_the_others_are_kept(
    metrics: Any, component: str
) -> None:
    answer = put(metrics, component, (0, 1.0, 1), (1, float("nan"), 2), (2, 3.0, 3))
    assert answer["Errors"] == [{"Code": "VALIDATION_ERROR", "MetricIndex": 1}]
    assert ask(metrics, component, MetricStat="Count")["MetricValues"] == [2.0]


def test_one_request_asks_for_many_metrics_at_once(metrics: Any, component: str) -> None:
    for number in range(20):
        put(metrics, component, (0, float(number), number), name=f"metric:{number}")
    query = {
        "ResourceArn": arn(component),
        "MetricStat": "Max",
        "Period": "OneHour",
        "XAxisType": "Timestamp",
    }
    asked = [{**query, "MetricName": f"metric:{number}"} for number in range(20)]
    answers = metrics.batch_get_metrics(MetricQueries=asked)["MetricQueryResults"]
    assert [a["MetricValues"] for a in answers] == [[float(n)] for n in range(20)]
