"""Callers that send what they should not, too slowly, or leave: told so if they can hear; no other pays."""

from __future__ import annotations

import json
import re
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import strict
from tests.gateway.test_garbage import ask, hasty, read, signed, wire
from tests.serving.test_router import Model, code_of, endpoint, ok

if TYPE_CHECKING:
    from tests.conftest import Server

PATH = "/endpoints/callers/invocations"
CUSTOM = "X-Amzn-SageMaker-Custom-Attributes"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """A container that tells which headers it got."""
    made = Model(
        tmp_path_factory.mktemp("model") / "m.sock",
        lambda line, headers, body: ok(json.dumps({"headers": headers, "size": len(body)}).encode()),
    )
    yield made
    made.close()


@pytest.fixture(autouse=True)
def callers(server: Server, model: Model) -> Iterator[None]:
    """Have an endpoint."""
    with endpoint(server, "callers", ("v", 1.0, model.path)):
        yield


def said(answer: bytes) -> str:
    """Return an error's message, as SDKs find it."""
    told = json.loads(answer)
    return str(told.get("Message") or told["message"])


def call(server: Server, body: bytes, **headers: str) -> bytes:
    return wire("POST", PATH, signed(server, "sagemaker", "POST", PATH, body, **headers), body)


def test_a_body_that_drips_in_is_ended_and_holds_up_nobody(server: Server, tmp_path: Path) -> None:
    whole = call(server, b"x" * 1000)
    model = Model(tmp_path / "drips.sock", lambda line, headers, body: ok(body))
    with (
        endpoint(server, "drips", ("v", 1.0, model.path)),
        hasty(server, 2.0) as port,
        socket.create_connection(("127.0.0.1", port), timeout=90) as slow,
    ):
        slow.sendall(whole[:-990])
        runtime = server.client("sagemaker-runtime", endpoint_url=f"http://127.0.0.1:{port}")
        sent, got = 0, b""
        while not read(got) and sent < 900:
            slow.sendall(b"x")
            sent += 1
            answer = runtime.invoke_endpoint(EndpointName="drips", Body=b"healthy")
            assert answer["Body"].read() == b"healthy"
            if select.select([slow], [], [], 0.02)[0]:
                got += slow.recv(1 << 16)
        [(status, body)] = read(got)
        assert status == 408
        slow_or_stalled = r"at less than 512 bytes a second for more than 2(\.0)? s|did not come within"
        assert re.search(slow_or_stalled, said(body)), body
        assert b"x-amzn-errortype: ValidationError" in got
        assert sent < 900
    model.close()


@pytest.mark.parametrize(("length", "status"), [(5, 400), (2_000_000, 408)])
def test_a_length_that_lies_ends_the_connection(server: Server, length: int, status: int) -> None:
    """What comes after a body's length is no request, and what does not come is not waited for."""
    path, body = "/endpoints/none/invocations", b"x" * 1000
    headers = signed(server, "sagemaker", "POST", path, body)
    with hasty(server, 0.3) as port:
        told = ask(port, wire("POST", path, {**headers, "Content-Length": str(length)}, body), answers=3)
    assert told[-1][0] == status


@pytest.mark.parametrize("size", [6_291_457, 80 << 20])
def test_a_body_of_unknown_length_is_cut_off_at_the_limit(server: Server, size: int) -> None:
    headers = signed(server, "sagemaker", "POST", PATH, b"")
    del headers["Content-Length"]
    head = wire("POST", PATH, {**headers, "Transfer-Encoding": "chunked"})
    with (
        strict(server) as url,
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=90) as connection,
    ):
        connection.sendall(head)
        sent, got = 0, b""
        while sent < size and not select.select([connection], [], [], 0)[0]:
            try:
                connection.sendall(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
            except (BrokenPipeError, ConnectionResetError):
                break
            sent += 0x100000
        while not read(got) and (piece := connection.recv(1 << 16)):
            got += piece
    [(status, body)] = read(got)
    assert status == 400
    assert said(body).endswith("Member must have length less than or equal to 6291456")
    assert sent < 40 << 20  # what buffers hold, and not what the caller had


def test_a_body_over_the_machines_own_limit_is_refused_before_it_is_sent(server: Server) -> None:
    headers = signed(server, "sagemaker", "POST", PATH, b"")
    headers["Content-Length"] = str((256 << 20) + 1)
    ((status, body),) = ask(server.port, wire("POST", PATH, headers))
    assert status == 400
    assert said(body).endswith("Member must have length less than or equal to 268435456")


def test_who_may_not_call_is_told_before_the_body_is_sent(server: Server) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="refused")
    key = iam.create_access_key(UserName="refused")["AccessKey"]
    for body in (b"x", b"x" * 3_000_000):
        runtime = server.client("sagemaker-runtime", key)
        with pytest.raises(ClientError, match="is not authorized to perform: sagemaker:InvokeEndpoint") as no:
            runtime.invoke_endpoint(EndpointName="callers", Body=body)
        assert code_of(no) == "AccessDeniedException"
    headers = signed(server, "sagemaker", "POST", PATH, b"")
    ours, theirs = server.keys["AccessKeyId"], key["AccessKeyId"]
    headers["Authorization"] = headers["Authorization"].replace(ours, theirs)
    for length in ({"Content-Length": str(200 << 20)}, {"Transfer-Encoding": "chunked"}):
        told = {**{name: value for name, value in headers.items() if name != "Content-Length"}, **length}
        ((status, body),) = ask(server.port, wire("POST", PATH, told))  # and not a byte of the body
        assert status == 403
        assert f"The owner of the access key {theirs} is not authorized" in said(body)
        assert b"user/refused" not in body  # whoever asks has not signed yet


CONDITIONS = {
    "target-model": ("Allow", {"StringLike": {"sagemaker:TargetModel": "mine/*"}}),
    "container": ("Allow", {"StringLike": {"sagemaker:TargetContainerHostname": "mine*"}}),
    "container-as-model": ("Deny", {"StringLike": {"sagemaker:TargetModel": "theirs*"}}),
    "secure": ("Deny", {"Bool": {"aws:SecureTransport": "true"}}),
    "agent": ("Allow", {"StringLike": {"aws:UserAgent": "*Botocore*"}}),
    "tag": ("Allow", {"StringEquals": {"aws:ResourceTag/team": "red"}}),
    "own-tag": ("Allow", {"StringEquals": {"sagemaker:ResourceTag/team": "blue"}}),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_may_ask_what_aws_lets_them_ask(server: Server, name: str) -> None:
    effect, condition = CONDITIONS[name]
    iam, user = server.client("iam"), f"asks-{name}"
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    act = {"Action": "sagemaker:InvokeEndpoint", "Resource": "*"}
    statements = [{"Effect": effect, "Condition": condition, **act}]
    if effect == "Deny":
        statements.append({"Effect": "Allow", **act})
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=document)
    runtime = server.client("sagemaker-runtime", key)

    def may(**more: str) -> bool:
        try:
            runtime.invoke_endpoint(EndpointName="callers", Body=b"x", **more)
        except ClientError as refused:
            return "not authorized" not in str(refused)
        return True

    if name == "target-model":
        assert (may(TargetModel="mine/a.tar.gz"), may(TargetModel="theirs/a.tar.gz"), may()) == (
            True,
            False,
            False,
        )
    elif name.startswith("container"):
        assert may(TargetContainerHostname="mine-1")
        assert not may(TargetContainerHostname="theirs-1")
    else:
        assert may() == (name in ("secure", "agent"))


UNUSUAL = {
    "long": ({CUSTOM: "a" * 1025}, r"Value at 'customAttributes' .* less than or equal to 1024"),
    "type": ({"Content-Type": "a/" + "b" * 1023}, r"Value at 'contentType' .* less than or equal to 1024"),
    "id": ({"X-Amzn-SageMaker-Inference-Id": "i" * 65}, r"Value at 'inferenceId' .* equal to 64"),
    "latin": ({CUSTOM: "caf\xe9"}, r"Value at 'customAttributes' .* pattern: \\p\{ASCII\}"),
    "variant": ({"X-Amzn-SageMaker-Target-Variant": "\xff"}, "Variant \xff not found"),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_a_header_that_the_model_does_not_allow_is_named(server: Server, name: str) -> None:
    headers, says = UNUSUAL[name]
    data = wire("POST", PATH, {**signed(server, "sagemaker", "POST", PATH, b"x"), **headers}, b"x")
    ((status, body),) = ask(server.port, data)
    assert status == 400
    assert re.search(says, said(body)), body


@pytest.mark.parametrize("value", ["a\rX-Amzn-SageMaker-Target-Model: b", "a\nb: c", "a\r\n b", "a\0b"])
def test_a_header_cannot_smuggle_another(server: Server, model: Model, value: str) -> None:
    data = wire("POST", PATH, {**signed(server, "sagemaker", "POST", PATH, b"x"), CUSTOM: value}, b"x")
    told = ask(server.port, data)
    assert told[0][0] == 400 or "b" not in json.loads(told[0][1])["headers"]
    assert all(b"target-model" not in body for _, body in told)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/endpoints/no-such/invocations", "Endpoint no-such of account 000000000000 not found"),
        ("/endpoints/%2e%2e/invocations", "not found"),
        (f"/endpoints/{'e' * 64}/invocations", "not found"),
        ("/endpoints/caf%C3%A9/invocations", "not found"),
    ],
)
def test_an_endpoint_that_cannot_be_is_not_found(server: Server, path: str, says: str) -> None:
    ((status, body),) = ask(
        server.port, wire("POST", path, signed(server, "sagemaker", "POST", path, b"x"), b"x")
    )
    assert (status, says in said(body)) == (400, True), body


@pytest.mark.parametrize("way", ["invocations", "invocations-response-stream"])
def test_a_caller_who_leaves_takes_no_worker_along(server: Server, tmp_path: Path, way: str) -> None:
    ended, began = threading.Event(), threading.Event()

    def answer(_line: str, _headers: dict[str, str], body: bytes) -> bytes:
        if body == b"next":
            return ok(body)
        began.set()
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection = leavers.open[-1]
        try:
            connection.sendall(head)
            for _ in range(100 if way == "invocations" else 100_000):
                connection.sendall(b"4\r\nmore\r\n")
                time.sleep(0.005)
        except OSError:
            ended.set()
            return b""
        ended.set()
        return b"0\r\n\r\n"

    leavers = Model(tmp_path / "leavers.sock", answer)
    path = f"/endpoints/left/{way}"
    data = wire("POST", path, signed(server, "sagemaker", "POST", path, b"go"), b"go")
    with endpoint(server, "left", ("v", 1.0, leavers.path)):
        with socket.create_connection(("127.0.0.1", server.port), timeout=90) as connection:
            connection.sendall(data)
            assert began.wait(90)
            if way != "invocations":
                assert connection.recv(100)
        assert ended.wait(90)  # a stream's work is given up, a whole answer's is done to its end
        runtime = server.client("sagemaker-runtime")
        for _ in range(3):
            assert runtime.invoke_endpoint(EndpointName="left", Body=b"next")["Body"].read() == b"next"
    leavers.close()


def test_a_caller_who_leaves_in_the_middle_of_the_body_is_never_the_models_business(
    server: Server, model: Model
) -> None:
    before: Any = model.connections
    for size in (1000, 5_000_000):
        data = call(server, b"x" * size)
        with socket.create_connection(("127.0.0.1", server.port), timeout=90) as connection:
            connection.sendall(data[: -size // 2])
    answer = server.client("sagemaker-runtime").invoke_endpoint(EndpointName="callers", Body=b"next")
    assert json.loads(answer["Body"].read())["size"] == 4
    assert model.connections <= before + 1
