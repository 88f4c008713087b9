"""An endpoint's calls as CloudWatch and Prometheus tell of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from prometheus_client.parser import text_string_to_metric_families as parse
from tests.serving.test_router import Model, endpoint, ok

from clary.serving.reporting import Reporter, points
from clary.serving.tally import Calls

if TYPE_CHECKING:
    from tests.conftest import Server

DIMENSIONS = [{"Name": "EndpointName", "Value": "told"}, {"Name": "VariantName", "Value": "v"}]


def answer(_line: str, _headers: dict[str, str], body: bytes) -> bytes:
    status = {b"bad": b"400 Bad Request", b"fails": b"500 Error", b"gone": b""}.get(body)
    if status is None:
        return ok(b"fine")
    return b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nno" if status else b""


def test_an_endpoint_tells_of_its_calls(server: Server, tmp_path: Path) -> None:
    model = Model(tmp_path / "told.sock", answer)
    other = Model(tmp_path / "other.sock", answer)
    runtime = server.client("sagemaker-runtime")
    hosts = [("v", 1.0, model.path), ("v", 1.0, other.path)]
    began = datetime.now(UTC) - timedelta(seconds=1)
    reporter = Reporter(
        server.parts.plane.router, server.stores.metrics, server.parts.clock, server.parts.pool
    )
    with endpoint(server, "told", *hosts):
        for body in (b"x", b"x", b"x", b"bad", b"fails", b"gone"):
            if body == b"x":
                runtime.invoke_endpoint(EndpointName="told", Body=body)
            else:
                with pytest.raises(ClientError):
                    runtime.invoke_endpoint(EndpointName="told", Body=body)
    asyncio.run(reporter.report())

    def told(name: str, statistic: str = "Sum", unit: str = "None") -> float:
        found = server.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=name,
            Dimensions=DIMENSIONS,
            StartTime=began.replace(second=0, microsecond=0),
            EndTime=began + timedelta(minutes=2),
            Period=3600,
            Statistics=[statistic],
            Unit=unit,
        )["Datapoints"]
        return float(sum(point[statistic] for point in found))

    assert told("Invocations") == 6
    assert told("InvocationsPerInstance") == 3
    assert told("Invocation4XXErrors") == 1
    assert told("Invocation4XXErrors", "SampleCount") == 6
    assert told("Invocation5XXErrors") == 2
    assert told("InvocationModelErrors") == 3
    assert told("ModelLatency", "SampleCount", "Microseconds") == 6
    assert told("ModelLatency", "Maximum", "Microseconds") > 0
    assert told("OverheadLatency", "Minimum", "Microseconds") > 0

    with urlopen(f"{server.url}/_clary/metrics", timeout=90) as page:  # noqa: S310 - our own server
        assert page.headers["Content-Type"].startswith("text/plain; version=1.0.0")
        families = {family.name: family for family in parse(page.read().decode())}
    mine = [s for s in families["clary_invocations"].samples if s.labels["endpoint"] == "told"]
    assert {sample.labels["status"]: sample.value for sample in mine} == {
        "200": 3,
        "400": 1,
        "500": 1,
        "503": 1,
    }
    latency = [s for s in families["clary_model_latency_seconds"].samples if s.labels["endpoint"] == "told"]
    assert next(s.value for s in latency if s.name.endswith("_count")) == 6
    buckets = [s.value for s in latency if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    model.close()
    other.close()


def test_calls_that_last_are_told_of_while_none_is_answered() -> None:
    calls = Calls()
    calls.under_way.update({2.5: 4, 0.0: 1})
    [(series, columns)] = points("a", "r", "e", "v", calls, 5000)
    assert (series.name, series.resolution) == ("ConcurrentRequestsPerModel", 1)
    assert [list(column) for column in columns.arrays] == [[5000, 5000], [0.0, 2.5], [1.0, 4.0]]
