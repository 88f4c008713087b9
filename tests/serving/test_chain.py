"""Hosts of several containers: what each is asked, who answers, and what a failure says of whom."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.serving.test_router import Model, ok

from clary.resources.inference.endpoint import ENDPOINT
from clary.serving.chain import Chain, Container, Late
from clary.serving.connection import HostLost, Unsent

if TYPE_CHECKING:
    from tests.conftest import Server

NAMES = ("first", "middle", "last")
Asked = dict[str, list[tuple[str | None, str | None]]]


@pytest.fixture
def asked() -> Asked:
    """What each container was told of content types: what it gets, and what is accepted."""
    return {name: [] for name in NAMES}


@pytest.fixture
def models(tmp_path: Path, asked: Asked) -> Iterator[list[Model]]:
    def container(name: str) -> Model:
        def answer(_line: str, headers: dict[str, str], body: bytes) -> bytes:
            asked[name].append((headers.get("content-type"), headers.get("accept")))
            if body == f"bad for {name}".encode():
                return b"HTTP/1.1 400 Bad\r\nContent-Length: 7\r\n\r\nrefused"
            return ok(
                body if body.startswith(b"bad") else body + b" " + name.encode(), f"Content-Type: {name}/x"
            )

        return Model(tmp_path / f"{name}.sock", answer)

    made = [container(name) for name in NAMES]
    yield made
    for model in made:
        model.close()


@pytest.fixture
def endpoint(server: Server, models: list[Model], request: pytest.FixtureRequest) -> Iterator[str]:
    """An endpoint of one host; the parameter is the mode of its model."""
    containers = [
        {"Hostname": name, "Socket": str(model.path)} for name, model in zip(NAMES, models, strict=True)
    ]
    host = {
        "Variant": "v",
        "Weight": 1.0,
        "Socket": containers[0]["Socket"],
        "Uid": "host",
        "Containers": containers,
        "Mode": request.param,
    }
    records = server.stores.records.scoped("000000000000", "us-east-1")
    record = records.create(
        ENDPOINT, {"EndpointName": "chain", "EndpointStatus": "InService", "_Hosts": [host]}
    )
    yield "chain"
    records.delete(record)


@pytest.mark.parametrize("endpoint", ["Serial"], indirect=True)
def test_each_container_answers_what_the_one_before_it_did(
    server: Server, endpoint: str, asked: Asked
) -> None:
    answer = server.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=b"x", ContentType="text/csv", Accept="application/json"
    )
    assert answer["Body"].read() == b"x first middle last"
    assert answer["ContentType"] == "last/x"
    assert asked == {
        "first": [("text/csv", None)],
        "middle": [("first/x", None)],
        "last": [("middle/x", "application/json")],
    }


@pytest.mark.parametrize("endpoint", ["Serial"], indirect=True)
def test_the_container_that_fails_is_named_and_those_behind_it_are_not_asked(
    server: Server, endpoint: str, asked: Asked
) -> None:
    with pytest.raises(ClientError, match=r"client error \(400\) from v") as refused:
        server.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=b"bad for middle")
    response: Any = refused.value.response  # the stubs do not know the error's own members
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (400, "refused")
    assert response["LogStreamArn"].endswith(":log-stream:v/host/2")
    assert (len(asked["first"]), len(asked["middle"]), asked["last"]) == (1, 1, [])


@pytest.mark.parametrize("endpoint", ["Serial"], indirect=True)
def test_a_stream_is_the_last_containers(server: Server, endpoint: str) -> None:
    answer = server.client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName=endpoint, Body=b"x"
    )
    assert b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"]) == b"x first middle last"


@pytest.mark.parametrize("endpoint", ["Serial"], indirect=True)
def test_a_pipelines_containers_are_not_called_one_by_one(server: Server, endpoint: str) -> None:
    with pytest.raises(ClientError, match="does not have the Mode Direct"):
        server.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, Body=b"x", TargetContainerHostname="last"
        )


@pytest.mark.parametrize("endpoint", ["Direct"], indirect=True)
def test_the_container_that_is_named_answers_alone(server: Server, endpoint: str, asked: Asked) -> None:
    runtime = server.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, Body=b"x", Accept="a/b", TargetContainerHostname="middle"
    )
    assert answer["Body"].read() == b"x middle"
    assert asked["middle"][0][1] == "a/b"
    assert asked["first"] == asked["last"] == []
    for wrong in ({}, {"TargetContainerHostname": "absent"}):
        with pytest.raises(ClientError, match="It has: first, middle, last"):
            runtime.invoke_endpoint(EndpointName=endpoint, Body=b"x", **wrong)


@pytest.mark.parametrize("mode", ["Serial", "Direct"])
def test_the_container_that_is_late_is_named(tmp_path: Path, mode: str) -> None:
    hold = threading.Event()

    def answer(_line: str, _headers: dict[str, str], body: bytes) -> bytes:
        if body == b"slow":
            hold.wait(90)
        return ok(b"slow")

    models = [Model(tmp_path / f"{name}.sock", answer) for name in NAMES[:2]]
    containers = [Container(name, model.path) for name, model in zip(NAMES, models, strict=False)]
    only = "middle" if mode == "Direct" else ""
    body = b"slow" if mode == "Direct" else b"x"
    for patience in (0.3, 3.0, 30.0):  # on a busy machine the first container may be late as well
        chain = Chain("host", containers, direct=mode == "Direct")
        with pytest.raises(Late) as late:
            asyncio.run(chain.call({}, body, patience, only=only))
        if late.value.name == "middle":
            break
    assert (late.value.uid, late.value.name) == ("host/2", "middle")
    hold.set()
    for model in models:
        model.close()


@pytest.mark.parametrize("gone", [0, 1])
def test_a_chain_can_be_asked_again_only_if_its_first_container_was_not(tmp_path: Path, gone: int) -> None:
    model = Model(tmp_path / "there.sock", lambda *_: ok(b"x"))
    containers = [Container(name, model.path) for name in NAMES[:2]]
    containers[gone] = Container("gone", tmp_path / "gone.sock")
    with pytest.raises(HostLost) as lost:
        asyncio.run(Chain("host", containers, direct=False).call({}, b"x", 5.0))
    assert isinstance(lost.value, Unsent) == (gone == 0)
    model.close()
