"""CloudWatch's metrics as its clients see them, in each protocol they speak."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
HOST = [{"Name": "Host", "Value": "a"}]


@pytest.fixture(scope="module")
def cloudwatch(server: Server) -> Any:
    return server.client("cloudwatch")


@pytest.fixture
def space() -> str:
    return f"Tests/{uuid4().hex[:8]}"


def put(cloudwatch: Any, space: str, name: str, *points: tuple[float, float], **more: Any) -> None:
    data = [
        {"MetricName": name, "Timestamp": NOW + timedelta(seconds=at), "Value": value, **more}
        for at, value in points
    ]
    cloudwatch.put_metric_data(Namespace=space, MetricData=data)


def window(minutes: int = 10) -> dict[str, Any]:
    return {"StartTime": NOW, "EndTime": NOW + timedelta(minutes=minutes)}


def ask(cloudwatch: Any, *queries: dict[str, Any], **more: Any) -> Any:
    asked = {**window(), "ScanBy": "TimestampAscending", **more}
    return cloudwatch.get_metric_data(MetricDataQueries=[*queries], **asked)


def metric(space: str, name: str, identity: str = "m", stat: str = "Average", period: int = 60) -> Any:
    wanted = {"Metric": {"Namespace": space, "MetricName": name}, "Period": period, "Stat": stat}
    return {"Id": identity, "MetricStat": wanted}


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**request)
    code: str = error.value.response["Error"]["Code"]
    return code


@pytest.mark.parametrize(
    ("stat", "values"),
    [
        ("Average", [2.0, 10.0]),
        ("Sum", [6.0, 10.0]),
        ("SampleCount", [3.0, 1.0]),
        ("Minimum", [1.0, 10.0]),
        ("Maximum", [3.0, 10.0]),
        ("p50", [2.0, 10.0]),
        ("p100", [3.0, 10.0]),
        ("TM(:2)", [1.5]),
        ("TC(1:)", [2.0, 1.0]),
        ("PR(:2)", [200 / 3, 0.0]),
    ],
)
def test_a_metric_is_told_by_the_minute(cloudwatch: Any, space: str, stat: str, values: list[float]) -> None:
    put(cloudwatch, space, "m", (0, 3.0), (59, 1.0), (10, 2.0), (120, 10.0))
    [told] = ask(cloudwatch, metric(space, "m", stat=stat))["MetricDataResults"]
    assert told["Values"] == pytest.approx(values)
    assert told["Timestamps"][0] == NOW
    assert (told["Label"], told["StatusCode"]) == ("m", "Complete")


def test_values_with_counts_and_statistic_sets_are_added_up(cloudwatch: Any, space: str) -> None:
    at = {"MetricName": "m", "Timestamp": NOW}
    whole = {"SampleCount": 4, "Sum": 20, "Minimum": 1, "Maximum": 9}
    data = [{**at, "Values": [1, 2], "Counts": [3, 1]}, {**at, "Values": [7]}]
    cloudwatch.put_metric_data(Namespace=space, MetricData=data)
    stats = {"Statistics": ["Sum", "SampleCount", "Minimum", "Maximum", "Average"], "Period": 60}
    asked = {"Namespace": space, "MetricName": "m", **window(), **stats}
    [point] = cloudwatch.get_metric_statistics(**asked, ExtendedStatistics=["p50"])["Datapoints"]
    assert (point["Sum"], point["SampleCount"], point["Minimum"], point["Maximum"]) == (12, 5, 1, 7)
    assert point["ExtendedStatistics"] == {"p50": 1.0}
    assert (point["Timestamp"], point["Unit"], point["Average"]) == (NOW, "None", 2.4)
    cloudwatch.put_metric_data(Namespace=space, MetricData=[{**at, "StatisticValues": whole}])
    [point] = cloudwatch.get_metric_statistics(**asked, ExtendedStatistics=["p50"])["Datapoints"]
    assert (point["Sum"], point["SampleCount"], point["Maximum"]) == (32, 9, 9)
    assert point["ExtendedStatistics"] == {}


def test_units_and_dimensions_keep_metrics_apart(cloudwatch: Any, space: str) -> None:
    put(cloudwatch, space, "m", (0, 1.0), Unit="Seconds")
    put(cloudwatch, space, "m", (0, 5.0), Unit="Percent")
    put(cloudwatch, space, "m", (0, 100.0), Dimensions=HOST)
    asked = {"Namespace": space, "MetricName": "m", "Period": 60, "Statistics": ["Sum"], **window()}
    points = cloudwatch.get_metric_statistics(**asked)["Datapoints"]
    assert {(p["Unit"], p["Sum"]) for p in points} == {("Seconds", 1.0), ("Percent", 5.0)}
    [point] = cloudwatch.get_metric_statistics(**asked, Unit="Seconds")["Datapoints"]
    assert point["Sum"] == 1.0
    [point] = cloudwatch.get_metric_statistics(**asked, Dimensions=HOST)["Datapoints"]
    assert point["Sum"] == 100.0


def test_a_period_below_a_minute_sees_high_resolution_only(cloudwatch: Any, space: str) -> None:
    put(cloudwatch, space, "m", (0, 1.0), (1, 2.0), (11, 3.0), StorageResolution=1)
    put(cloudwatch, space, "m", (5, 50.0))
    [told] = ask(cloudwatch, metric(space, "m", stat="Sum", period=10))["MetricDataResults"]
    assert told["Values"] == [3.0, 3.0]
    [told] = ask(cloudwatch, metric(space, "m", stat="Sum"))["MetricDataResults"]
    assert told["Values"] == [56.0]


EXPRESSIONS = [
    ("a + b * 2", [21.0, 42.0]),
    ("(a + b) / a", [11.0, 11.0]),
    ("-a ^ 2", [-1.0, -4.0, -9.0]),
    ("SUM(METRICS())", [11.0, 22.0, 3.0]),
    ("AVG([a, b])", [5.5, 11.0, 3.0]),
    ("MAX(METRICS('a'))", [1.0, 2.0, 3.0]),
    ("a / MAX(a)", [1 / 3, 2 / 3, 1.0]),
    ("FILL(b, 0)", [10.0, 20.0, 0.0, 0.0, 0.0]),
    ("FILL(b, REPEAT)", [10.0, 20.0, 20.0, 20.0, 20.0]),
    ("FILL(a, LINEAR)", [1.0, 2.0, 3.0]),
    ("RATE(a)", [1 / 60, 1 / 60]),
    ("DIFF(a)", [1.0, 1.0]),
    ("IF(a > 1, a, 0)", [0.0, 2.0, 3.0]),
    ("IF(a > 1 AND a < 3, 1)", [1.0]),
    ("RUNNING_SUM(a)", [1.0, 3.0, 6.0]),
    ("ABS(0 - a)", [1.0, 2.0, 3.0]),
    ("a / (a - 1)", [2.0, 1.5]),
    ("a * PERIOD(a)", [60.0, 120.0, 180.0]),
]


@pytest.mark.parametrize(("text", "values"), EXPRESSIONS)
def test_an_expression_is_computed(cloudwatch: Any, space: str, text: str, values: list[float]) -> None:
    put(cloudwatch, space, "a", (0, 1.0), (60, 2.0), (120, 3.0))
    put(cloudwatch, space, "b", (0, 10.0), (60, 20.0))
    hidden = [{**metric(space, name, name), "ReturnData": False} for name in ("a", "b")]
    answer = ask(cloudwatch, *hidden, {"Id": "e", "Expression": text, "Label": "E"}, **window(5))
    [told] = answer["MetricDataResults"]
    assert (told["Id"], told["Label"]) == ("e", "E")
    assert told["Values"] == pytest.approx(values)


def test_an_expression_over_several_metrics_has_a_result_for_each(cloudwatch: Any, space: str) -> None:
    put(cloudwatch, space, "a", (0, 1.0))
    put(cloudwatch, space, "b", (0, 10.0))
    hidden = [{**metric(space, name, name), "ReturnData": False} for name in ("a", "b")]
    told = ask(cloudwatch, *hidden, {"Id": "e", "Expression": "METRICS() * 2"})["MetricDataResults"]
    assert [(t["Id"], t["Label"], t["Values"]) for t in told] == [("e", "e a", [2.0]), ("e", "e b", [20.0])]


@pytest.mark.parametrize(
    "text",
    [
        "a +",
        "nowhere * 2",
        "e + 1",
        "SEARCH('x', 'Average', 60)",
        "FOO(a)",
        "1 + 1",
        "(" * 200,
        "a $ 2",
        "a" + "-1" * 1000,
    ],
)
def test_an_expression_that_cannot_be_computed_is_refused(cloudwatch: Any, space: str, text: str) -> None:
    queries = [metric(space, "a", "a"), {"Id": "e", "Expression": text}]
    assert refused(cloudwatch.get_metric_data, MetricDataQueries=queries, **window()) == "ValidationError"


def test_pages_together_are_every_value_once(cloudwatch: Any, space: str) -> None:
    for name in ("a", "b", "c"):
        put(cloudwatch, space, name, *[(60.0 * n, float(n)) for n in range(7)])
    queries = [metric(space, name, name) for name in ("a", "b", "c")]
    pages = cloudwatch.get_paginator("get_metric_data")
    found: dict[str, list[float]] = {"a": [], "b": [], "c": []}
    for page in pages.paginate(MetricDataQueries=queries, MaxDatapoints=5, **window()):
        for result in page["MetricDataResults"]:
            found[result["Id"]] += result["Values"]
    assert found == {name: [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0] for name in ("a", "b", "c")}
    asked = {"MetricDataQueries": queries, "MaxDatapoints": 5}
    token = cloudwatch.get_metric_data(**asked, **window())["NextToken"]
    assert refused(cloudwatch.get_metric_data, **asked, **window(9), NextToken=token) == "InvalidNextToken"
    assert refused(cloudwatch.get_metric_data, **asked, **window(), NextToken="x") == "InvalidNextToken"
    zone = {"LabelOptions": {"Timezone": "+0400"}}
    assert refused(cloudwatch.get_metric_data, **asked, **window(), **zone) == "ValidationError"


def test_metrics_are_listed_by_what_they_are(cloudwatch: Any, space: str) -> None:
    put(cloudwatch, space, "a", (0, 1.0), Unit="Seconds")
    put(cloudwatch, space, "a", (0, 1.0), Unit="Percent")
    put(cloudwatch, space, "a", (0, 1.0), Dimensions=[*HOST, {"Name": "Disk", "Value": '"x"'}])
    put(cloudwatch, space, "b", (0, 1.0), Dimensions=HOST)

    def listed(**more: Any) -> list[tuple[str, int]]:
        metrics = cloudwatch.list_metrics(Namespace=space, **more)["Metrics"]
        return [(each["MetricName"], len(each["Dimensions"])) for each in metrics]

    assert listed() == [("a", 2), ("a", 0), ("b", 1)]
    assert listed(MetricName="a", RecentlyActive="PT3H") == [("a", 2), ("a", 0)]
    assert listed(Dimensions=HOST) == [("a", 2), ("b", 1)]
    assert listed(Dimensions=[{"Name": "Disk"}]) == [("a", 2)]
    assert listed(Dimensions=[{"Name": "Disk", "Value": '"x"'}]) == [("a", 2)]
    assert listed(Dimensions=[{"Name": "Host", "Value": "b"}]) == []


def test_a_thousand_metrics_are_taken_in_one_call_and_listed_in_pages(cloudwatch: Any, space: str) -> None:
    data = [{"MetricName": f"m{n:04}", "Value": n} for n in range(1000)]
    cloudwatch.put_metric_data(Namespace=space, MetricData=data)
    pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace=space))
    assert [len(page["Metrics"]) for page in pages] == [500, 500]
    assert [m["MetricName"] for p in pages for m in p["Metrics"]] == [d["MetricName"] for d in data]
    more = [*data, {"MetricName": "one too many", "Value": 1}]
    assert refused(cloudwatch.put_metric_data, Namespace=space, MetricData=more) == "InvalidParameterValue"


MISTAKES = [
    ({"Value": float("nan")}, "InvalidParameterValue"),
    ({"Value": 2.0**361}, "InvalidParameterValue"),
    ({}, "MissingParameter"),
    ({"Value": 1, "Values": [1]}, "InvalidParameterCombination"),
    ({"Values": [1, 2], "Counts": [1]}, "InvalidParameterCombination"),
    ({"Values": [1] * 151}, "InvalidParameterValue"),
    ({"Value": 1, "StorageResolution": 7}, "InvalidParameterValue"),
    ({"Value": 1, "Dimensions": HOST + HOST}, "InvalidParameterValue"),
    ({"Value": 1, "Dimensions": [{"Name": f"d{n}", "Value": "v"} for n in range(31)]}, "ValidationError"),
    ({"Value": 1, "Timestamp": NOW - timedelta(days=15)}, "InvalidParameterValue"),
    ({"Value": 1, "Timestamp": NOW + timedelta(hours=5)}, "InvalidParameterValue"),
    ({"Value": 1, "Unit": "Furlongs"}, "ValidationError"),
    (
        {"StatisticValues": {"SampleCount": 0, "Sum": 0, "Minimum": 0, "Maximum": 0}},
        "InvalidParameterValue",
    ),
]


@pytest.mark.parametrize(("datum", "code"), MISTAKES)
def test_one_mistake_refuses_the_whole_call(
    cloudwatch: Any, space: str, datum: dict[str, Any], code: str
) -> None:
    data = [{"MetricName": "good", "Value": 1}, {"MetricName": "bad", **datum}]
    assert refused(cloudwatch.put_metric_data, Namespace=space, MetricData=data) == code
    assert cloudwatch.list_metrics(Namespace=space)["Metrics"] == []


def test_a_namespace_of_aws_is_refused(cloudwatch: Any) -> None:
    data = [{"MetricName": "m", "Value": 1}]
    assert (
        refused(cloudwatch.put_metric_data, Namespace="AWS/EC2", MetricData=data) == "InvalidParameterValue"
    )


def test_statistics_ask_for_no_more_than_they_may(cloudwatch: Any, space: str) -> None:
    asked = {"Namespace": space, "MetricName": "m", "Statistics": ["Sum"]}
    call = cloudwatch.get_metric_statistics
    assert refused(call, **asked, **window(1441), Period=60) == "InvalidParameterCombination"
    assert refused(call, **asked, **window(), Period=61) == "InvalidParameterValue"
    nothing = {"Namespace": space, "MetricName": "m", "Period": 60}
    assert refused(call, **nothing, **window()) == "MissingParameter"
    assert refused(call, **nothing, **window(), ExtendedStatistics=["q9"]) == "InvalidParameterValue"
    backwards = {"StartTime": NOW, "EndTime": NOW, "Period": 60}
    assert refused(call, **asked, **backwards) == "InvalidParameterCombination"


def send(server: Server, body: bytes, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
    """Sign and send a request as clients of other protocols do."""
    request = AWSRequest("POST", f"{server.url}/", headers=headers, data=body)
    keys = Credentials(server.keys["AccessKeyId"], server.keys["SecretAccessKey"])
    SigV4Auth(keys, "monitoring", "us-east-1").add_auth(request)
    signed = dict(request.headers.items())
    return urllib3.PoolManager().request("POST", f"{server.url}/", body=body, headers=signed)


def test_clients_that_speak_query_are_understood(server: Server, space: str) -> None:
    """The AWS CLI's version 1 and older SDKs send forms."""
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    fields = {"Action": "PutMetricData", "Version": "2010-08-01", "Namespace": space}
    fields |= {"MetricData.member.1.MetricName": "m", "MetricData.member.1.Value": "2.5"}
    fields |= {"MetricData.member.1.Dimensions.member.1.Name": "Host"}
    fields |= {"MetricData.member.1.Dimensions.member.1.Value": "a"}
    packed = gzip.compress(urlencode(fields).encode())
    answer = send(server, packed, {**form, "Content-Encoding": "gzip"})
    assert answer.status == 200, answer.data
    fields = {"Action": "ListMetrics", "Version": "2010-08-01", "Namespace": space}
    answer = send(server, urlencode(fields).encode(), form)
    assert b"<MetricName>m</MetricName>" in answer.data
    fields = {"Action": "PutMetricData", "Version": "2010-08-01", "Namespace": "AWS/EC2"}
    fields |= {"MetricData.member.1.MetricName": "m", "MetricData.member.1.Value": "2.5"}
    answer = send(server, urlencode(fields).encode(), form)
    assert (answer.status, b"<Code>InvalidParameterValue</Code>" in answer.data) == (400, True)


def test_clients_that_speak_json_are_understood(server: Server, space: str) -> None:
    headers = {"Content-Type": "application/x-amz-json-1.0"}
    target = "GraniteServiceVersion20100801"
    body = json.dumps({"Namespace": space, "MetricData": [{"MetricName": "m", "Value": 1}]}).encode()
    answer = send(server, body, {**headers, "X-Amz-Target": f"{target}.PutMetricData"})
    assert answer.status == 200, answer.data
    body = json.dumps({"Namespace": space}).encode()
    answer = send(server, body, {**headers, "X-Amz-Target": f"{target}.ListMetrics"})
    assert json.loads(answer.data)["Metrics"][0]["MetricName"] == "m"
    refusal = send(server, b'{"Namespace":"AWS/X"}', {**headers, "X-Amz-Target": f"{target}.PutMetricData"})
    assert refusal.status == 400
    assert refusal.headers["x-amzn-query-error"].startswith("MissingParameter;")
