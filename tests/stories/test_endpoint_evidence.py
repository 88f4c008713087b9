"""What an endpoint leaves behind: metrics that equal what its callers counted, and why it cannot start."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from prometheus_client.parser import text_string_to_metric_families
from tests.stories.bad_predictions import add_image, deploy
from tests.stories.planted import ROLE, archive, put, settled
from tests.stories.server import Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
T = TypeVar("T")
CALLS = {b"fine": 40, b"teapot": 7, b"garbage": 5}
SUMS = {
    "Invocations": 52.0,
    "InvocationsPerInstance": 26.0,
    "Invocation4XXErrors": 7.0,
    "Invocation5XXErrors": 5.0,
    "InvocationModelErrors": 12.0,
}
PATIENT = {"ContainerStartupHealthCheckTimeoutInSeconds": 60}
SEEN = r"GET /ping with 200 within 60 s: {}\. It has \d\.\d\d of 8\.0 GiB of memory"
FAULTS = {
    "import": r"exited with code 1 before it answered GET /ping with 200.*No module named 'no_such_module'",
    "file": r"FileNotFoundError: .*'/opt/ml/model/weights\.bin'",
    "exit": r"exited with code 0 before it answered GET /ping with 200.*nothing to do",
    "ping": SEEN.format("it answers 500 Internal Server Error"),
    "port": SEEN.format(r"nobody listens on the unix socket .*It listens on port \d+, where nobody asks"),
}


@pytest.fixture(scope="module")
def made(clary: Clary) -> Clary:
    """A server with endpoints on their way."""
    add_image(clary)
    uri = put(clary, "evidence/model.tar.gz", archive({"m": "x"}))
    for name in FAULTS:
        deploy(clary, name, "naughty", uri, {"FAULT": name}, PATIENT)
    deploy(clary, "counted", "naughty", uri, variant={"InitialInstanceCount": 2})
    return clary


@pytest.fixture(scope="module")
def called(made: Clary) -> dict[bytes, float]:
    """What the callers measured: seconds spent in calls of each kind."""
    assert (now := settled(made, "counted"))["EndpointStatus"] == "InService", now.get("FailureReason")
    runtime, spent = made.client("sagemaker-runtime"), dict.fromkeys(CALLS, 0.0)
    for body, count in CALLS.items():
        for _ in range(count):
            began = time.perf_counter()
            try:
                runtime.invoke_endpoint(EndpointName="counted", Body=body)
            except ClientError as error:
                assert body != b"fine", error
            spent[body] += time.perf_counter() - began
    return spent


def until(look: Callable[[], T | None], seconds: float = 90) -> T:
    """Look until there is something: a gateway reports every five seconds, a host every ten."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "nothing to see"
        time.sleep(0.2)
    return found


def asked(name: str, namespace: str = "AWS/SageMaker") -> dict[str, Any]:
    now = datetime.now(UTC)
    dimensions = {"EndpointName": "counted", "VariantName": "all"}
    return {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "StartTime": now - timedelta(minutes=10),
        "EndTime": now + timedelta(minutes=1),
        "Period": 3600,
    }


def total(
    clary: Clary, name: str, statistics: list[str], namespace: str = "AWS/SageMaker"
) -> list[dict[str, Any]]:
    told = clary.client("cloudwatch").get_metric_statistics(**asked(name, namespace), Statistics=statistics)
    return list(told["Datapoints"])


def summed(clary: Clary, name: str, statistic: str = "Sum") -> float:
    return float(sum(point[statistic] for point in total(clary, name, [statistic])))


@pytest.mark.parametrize("name", SUMS)
def test_cloudwatch_counts_what_the_callers_counted(
    made: Clary, called: dict[bytes, float], name: str
) -> None:
    until(lambda: summed(made, "Invocations") == SUMS["Invocations"])
    points = total(made, name, ["Sum", "SampleCount"])
    assert sum(point["Sum"] for point in points) == pytest.approx(SUMS[name])
    assert sum(point["SampleCount"] for point in points) == 52
    assert {point["Unit"] for point in points} == {"None"}


@pytest.mark.parametrize("name", ["ModelLatency", "OverheadLatency"])
def test_latencies_are_microseconds_within_what_the_callers_waited(
    made: Clary, called: dict[bytes, float], name: str
) -> None:
    until(lambda: summed(made, "Invocations") == SUMS["Invocations"])
    points = total(made, name, ["Sum", "SampleCount", "Minimum", "Maximum"])
    assert sum(point["SampleCount"] for point in points) == 52
    assert {point["Unit"] for point in points} == {"Microseconds"}
    assert 0 < sum(point["Sum"] for point in points) <= sum(called.values()) * 1e6 * (1 + 2**-9)
    assert all(0 <= point["Minimum"] <= point["Maximum"] for point in points)


def test_both_latencies_together_are_less_than_what_the_callers_waited(
    made: Clary, called: dict[bytes, float]
) -> None:
    until(lambda: summed(made, "Invocations") == SUMS["Invocations"])
    names = ("ModelLatency", "OverheadLatency")
    queries = [
        {
            "Id": name[0].lower(),
            "MetricStat": {
                "Metric": {key: asked(name)[key] for key in ("Namespace", "MetricName", "Dimensions")},
                "Period": 3600,
                "Stat": "Sum",
            },
        }
        for name in names
    ]
    given = asked("")
    told = made.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=given["StartTime"], EndTime=given["EndTime"]
    )["MetricDataResults"]
    both = sum(sum(each["Values"]) for each in told)
    assert 0 < both <= sum(called.values()) * 1e6 * (1 + 2**-9)


@pytest.mark.parametrize("name", ["CPUUtilization", "MemoryUtilization", "DiskUtilization"])
def test_hosts_tell_what_they_use(made: Clary, called: dict[bytes, float], name: str) -> None:
    points = until(lambda: total(made, name, ["Average", "Maximum"], "/aws/sagemaker/Endpoints"))
    assert {point["Unit"] for point in points} == {"Percent"}
    most = 100 if name != "CPUUtilization" else 100 * 64
    assert all(0 <= point["Average"] <= point["Maximum"] <= most for point in points)


def test_prometheus_reads_the_same(made: Clary, called: dict[bytes, float]) -> None:
    port = json.loads((made.home / "run" / "server.json").read_text())["port"]
    with urlopen(f"http://127.0.0.1:{port}/_clary/metrics", timeout=90) as answer:
        families = {family.name: family for family in text_string_to_metric_families(answer.read().decode())}
    ours = {"account": "000000000000", "region": "us-east-1", "endpoint": "counted", "variant": "all"}

    def mine(family: str) -> list[Any]:
        return [each for each in families[family].samples if ours.items() <= each.labels.items()]

    counted = {int(each.labels["status"]): each.value for each in mine("clary_invocations")}
    assert counted == {200: 40.0, 418: 7.0, 502: 5.0}
    for name in ("clary_model_latency_seconds", "clary_overhead_latency_seconds"):
        by_name = {each.name.removeprefix(name): each.value for each in mine(name) if "le" not in each.labels}
        assert by_name["_count"] == 52
        assert 0 < by_name["_sum"] <= sum(called.values()) * (1 + 2**-9)
        buckets = [each.value for each in mine(name) if "le" in each.labels]
        assert buckets == sorted(buckets) and buckets[-1] == 52


def test_the_access_log_has_every_call(made: Clary, called: dict[bytes, float]) -> None:
    def lines() -> list[dict[str, Any]] | None:
        paths = (made.home / "logs").glob("access-*.jsonl")
        whole = [path.read_text().rpartition("\n")[0] for path in paths]  # the last may be half written
        found = [json.loads(line) for text in whole for line in text.splitlines()]
        return found if len(found) >= 52 else None

    told = Counter(each["status"] for each in until(lines) if each["endpoint"].endswith("/counted"))
    assert told == {200: 40, 424: 12}


@pytest.mark.parametrize("name", FAULTS)
def test_an_endpoint_that_cannot_start_says_why(made: Clary, name: str) -> None:
    endpoint = settled(made, name, 180)
    reason = endpoint["FailureReason"]
    assert endpoint["EndpointStatus"] == "Failed"
    assert "production variant all did not pass the ping health check" in reason
    assert re.search(FAULTS[name], reason, re.DOTALL), reason


def test_an_image_that_nobody_has_is_refused_at_once(made: Clary) -> None:
    with pytest.raises(ClientError, match="There is no image for 'nobody:latest'"):
        made.client("sagemaker").create_model(
            ModelName="nobody", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "nobody:latest"}
        )
