"""The access log has one line a call, is cut into files that go, and says what it could not keep."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.serving.test_router import Model, endpoint, ok

from clary.gateway.access import FILES, Access, AccessLog

if TYPE_CHECKING:
    from tests.conftest import Server

NOON = datetime(2026, 11, 23, 12, 0, 0, 123_456, UTC)


def line(number: int = 0, inference_id: bytes = b"") -> Access:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e"
    who = ("127.0.0.1", "000000000000", "arn:aws:iam::000000000000:user/u", "InvokeEndpoint", arn)
    return Access(NOON, f"id-{number}", *who, "v", "h", 200, "", 3, 4, 0.002, 0.0025, inference_id)


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(each) for each in path.read_text().splitlines()]


def test_every_call_to_an_endpoint_is_a_line(server: Server, tmp_path: Path) -> None:
    log = server.parts.access
    assert log is not None
    model = Model(
        tmp_path / "m.sock",
        lambda line, headers, body: (
            ok(b"12") if body != b"bad" else b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"
        ),
    )
    runtime, named = server.client("sagemaker-runtime"), {"EndpointName": "accessed"}
    with endpoint(server, "accessed", ("blue", 1.0, model.path)):
        runtime.invoke_endpoint(**named, Body=b"x", InferenceId='it\'s "mine"')
        runtime.invoke_endpoint(**named, Body=b"x" * 100_000)
        told = runtime.invoke_endpoint_with_response_stream(**named, Body=b"x")
        assert [each["PayloadPart"]["Bytes"] for each in told["Body"]] == [b"12"]
        for wrong in ({"Body": b"bad"}, {"Body": b"x", "TargetVariant": "green"}):
            with pytest.raises(ClientError):
                runtime.invoke_endpoint(**named, **wrong)
    model.close()
    mine: list[dict[str, Any]] = []
    deadline = time.monotonic() + 90
    while len(mine) < 5 and time.monotonic() < deadline:  # a caller may be answered before its line is added
        asyncio.run(log.write())
        path = server.home.logs / "access-0.jsonl"
        told = entries(path) if path.exists() else []
        mine = [each for each in told if each["endpoint"].endswith("/accessed")]
    kept = ("operation", "variant", "host", "status", "error", "bytesIn", "bytesOut")
    whole, stream = "InvokeEndpoint", "InvokeEndpointWithResponseStream"
    assert [tuple(each[name] for name in kept) for each in mine[:3]] == [
        (whole, "blue", "m", 200, "", 1, 2),
        (whole, "blue", "m", 200, "", 100_000, 2),
        (stream, "blue", "m", 200, "", 1, 2),
    ]
    assert [(each["variant"], each["status"], each["error"]) for each in mine[3:]] == [
        ("blue", 424, "ModelError"),
        ("", 400, "ValidationError"),
    ]
    assert mine[0]["inferenceId"] == 'it\'s "mine"'
    assert {each["account"] for each in mine} == {"000000000000"}
    assert {each["caller"] for each in mine} == {server.client("sts").get_caller_identity()["Arn"]}
    assert len({each["requestId"] for each in mine}) == 5
    assert all(0 < each["modelLatency"] < 60e6 and each["overheadLatency"] >= 0 for each in mine[:4])


def test_a_line_says_when_and_how_long(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        log = AccessLog(tmp_path / "a.jsonl", 1 << 20, pool)
        log.add(line(inference_id=b"caf\xe9"))
        asyncio.run(log.write())
        asyncio.run(log.write())
    (told,) = entries(tmp_path / "a.jsonl")
    assert told["time"] == "2026-11-23T12:00:00.123Z"
    assert (told["modelLatency"], told["overheadLatency"], told["inferenceId"]) == (2000, 500, "café")
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o077 == 0


def test_the_log_takes_no_more_than_it_may_and_keeps_what_came_last(tmp_path: Path) -> None:
    most = 50_000
    with ThreadPoolExecutor(1) as pool:
        log = AccessLog(tmp_path / "a.jsonl", most, pool)
        for number in range(500):
            log.add(line(number))
            asyncio.run(log.write())
    files = sorted(tmp_path.glob("*.jsonl"))
    assert len(files) == FILES
    assert sum(path.stat().st_size for path in files) < most + FILES * 1000
    order = [tmp_path / f"a.{number}.jsonl" for number in range(FILES - 1, 0, -1)]
    kept = [
        each["requestId"]
        for path in (*order, tmp_path / "a.jsonl")
        if path.exists()
        for each in entries(path)
    ]
    assert kept == [f"id-{number}" for number in range(500 - len(kept), 500)]


def test_what_comes_faster_than_it_can_be_kept_is_counted(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        log = AccessLog(tmp_path / "a.jsonl", 1 << 30, pool, most_waiting=100)
        for _ in range(103):
            log.add(line())
        asyncio.run(log.write())
    told = entries(tmp_path / "a.jsonl")
    assert len(told) == 101
    assert told[-1]["dropped"] == 3
