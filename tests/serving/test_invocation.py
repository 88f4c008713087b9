"""What a call may say beside its body: to whom it goes, what the model is told, and what comes back of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.serving.test_router import Model, endpoint, ok

from clary.resources.inference.endpoint import ENDPOINT
from clary.serving.connection import Answer
from clary.serving.endpoints import Endpoints
from clary.serving.sessions import CLOSED_SESSION, NEW_SESSION, Sessions
from clary.store.changes import Changes, Glance

if TYPE_CHECKING:
    from tests.conftest import Server


def told(_line: str, headers: dict[str, str], body: bytes) -> bytes:
    """Answer with what the model was told; open and close sessions as asked."""
    mine = {name: value for name, value in headers.items() if name.startswith("x-amzn")}
    more = ["Content-Type: application/json", "X-Amzn-SageMaker-Custom-Attributes: trace=1"]
    if mine.get("x-amzn-sagemaker-session-id") == "NEW_SESSION":
        more.append("X-Amzn-SageMaker-New-Session-Id: s1; Expires=2099-01-01T00:00:00Z")
    if body == b"close":
        more.append("X-Amzn-SageMaker-Closed-Session-Id: s1")
    return ok(json.dumps(mine).encode(), *more)


@pytest.mark.parametrize("streamed", [False, True])
def test_every_member_reaches_the_model_and_every_answer_the_caller(
    server: Server, tmp_path: Path, streamed: bool
) -> None:
    model = Model(tmp_path / "m.sock", told)
    asked: Any = {
        "EndpointName": "members",
        "Body": b"x",
        "CustomAttributes": "c000b4f9",
        "InferenceId": "mine-1",
        "TargetVariant": "two",
    }
    variants = [(name, 1.0, model.path) for name in ("one", "two")]
    with endpoint(server, "members", *variants):
        runtime = server.client("sagemaker-runtime")
        if streamed:
            answer: Any = runtime.invoke_endpoint_with_response_stream(**asked)
            body = b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"])
        else:
            answer = runtime.invoke_endpoint(**asked, SessionId="NEW_SESSION")
            body = answer["Body"].read()
            assert answer["NewSessionId"] == "s1; Expires=2099-01-01T00:00:00Z"
            asked["Body"] = b"close"
            assert runtime.invoke_endpoint(**asked, SessionId="s1")["ClosedSessionId"] == "s1"
    assert json.loads(body) == {
        "x-amzn-sagemaker-custom-attributes": "c000b4f9",
        "x-amzn-sagemaker-inference-id": "mine-1",
        "x-amzn-sagemaker-target-variant": "two",
        **({} if streamed else {"x-amzn-sagemaker-session-id": "NEW_SESSION"}),
    }
    assert answer["InvokedProductionVariant"] == "two"
    assert answer["CustomAttributes"] == "trace=1"
    assert answer["ContentType"] == "application/json"
    model.close()


def test_a_session_is_known_to_every_gateway_and_to_the_next_ones(server: Server, tmp_path: Path) -> None:
    hosts = [("v", 1.0, tmp_path / f"{name}.sock") for name in ("left", "right")]
    with endpoint(server, "shared", *hosts):
        glance = Glance(Changes(server.stores.database))
        glance.look(1e12)
        found = Endpoints(server.stores.records, glance, 1 << 20).find("000000000000", "us-east-1", "shared")
        (variant,) = found.all.variants
        folder = tmp_path / "sessions"
        first, second = Sessions(folder), Sessions(folder)
        for number in range(8):  # by their names they would fall on one host or the other
            host = variant.hosts[number % 2]
            first.heard(Answer(200, {NEW_SESSION: b"s%d; Expires=never" % number}, b""), found, host)
            assert second.find(found, f"s{number}") == (variant, host)
            assert Sessions(folder).find(found, f"s{number}") == (variant, host)
        second.heard(Answer(200, {CLOSED_SESSION: b"s7"}, b""), found, variant.hosts[1])
        assert len([*folder.iterdir()]) == 7
    assert server.stores.records.scoped("000000000000", "us-east-1").find(ENDPOINT, "shared") is None
