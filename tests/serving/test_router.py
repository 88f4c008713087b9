"""InvokeEndpoint over HTTP against model servers on unix sockets: who answers, and what a failure says."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EventStreamError
from tests.conftest import strict

from clary.core import unix
from clary.resources.inference.endpoint import ENDPOINT

if TYPE_CHECKING:
    from tests.conftest import Server

Answer = Callable[[str, dict[str, str], bytes], bytes]


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Model:
    """A model server that answers every request with what `answer` makes of it."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.path, self.answer = path, answer
        self.connections = 0
        self.open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        path.unlink(missing_ok=True)
        with unix.address(path) as address:
            self._listener.bind(address)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, suppress(OSError):  # who asked may hang up
            while line := stream.readline():
                headers = {}
                while (field := stream.readline()) not in (b"\r\n", b""):
                    name, _, value = field.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", "0")))
                answer = self.answer(line.decode(), headers, body)
                if not answer:
                    return
                connection.sendall(answer)

    def hang_up(self) -> None:
        """Close every open connection, but go on listening."""
        for connection in self.open:
            with suppress(OSError):  # it may have hung up itself
                connection.shutdown(socket.SHUT_RDWR)
        self.open.clear()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()


@contextmanager
def endpoint(
    server: Server, name: str, *hosts: tuple[str, float, Path], status: str = "InService"
) -> Iterator[None]:
    """Have an endpoint whose variants are served by these sockets."""
    records = server.stores.records.scoped("000000000000", "us-east-1")
    told = [
        {"Variant": variant, "Weight": weight, "Socket": str(path), "Uid": path.stem}
        for variant, weight, path in hosts
    ]
    record = records.create(
        ENDPOINT, {"EndpointName": name, "EndpointConfigName": "c", "EndpointStatus": status, "_Hosts": told}
    )
    try:
        yield
    finally:
        records.delete(record)


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Model]:
    def answer(line: str, headers: dict[str, str], body: bytes) -> bytes:
        told = json.dumps({"line": line.strip(), "headers": headers, "body": body.decode()}).encode()
        return ok(told, "Content-Type: application/json", "X-Amzn-SageMaker-Custom-Attributes: seen")

    model = Model(tmp_path / "echo.sock", answer)
    yield model
    model.close()


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def test_the_model_gets_the_request_and_the_caller_the_answer(server: Server, echo: Model) -> None:
    with endpoint(server, "echo", ("AllTraffic", 1.0, echo.path)):
        runtime = server.client("sagemaker-runtime")
        answer = runtime.invoke_endpoint(
            EndpointName="echo",
            Body=b"1,2,3",
            ContentType="text/csv",
            Accept="application/json",
            CustomAttributes="c000b4f9",
        )
        told = json.loads(answer["Body"].read())
    assert told["line"] == "POST /invocations HTTP/1.1"
    assert told["body"] == "1,2,3"
    assert told["headers"]["content-type"] == "text/csv"
    assert told["headers"]["accept"] == "application/json"
    assert told["headers"]["x-amzn-sagemaker-custom-attributes"] == "c000b4f9"
    assert "authorization" not in told["headers"]
    assert answer["ContentType"] == "application/json"
    assert answer["CustomAttributes"] == "seen"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_a_connection_is_kept_and_a_stale_one_is_replaced(server: Server, echo: Model) -> None:
    with endpoint(server, "kept-alive", ("v", 1.0, echo.path)):
        runtime = server.client("sagemaker-runtime")
        for _ in range(3):
            runtime.invoke_endpoint(EndpointName="kept-alive", Body=b"x")
        assert echo.connections == 1
        echo.hang_up()
        runtime.invoke_endpoint(EndpointName="kept-alive", Body=b"x")
        assert echo.connections == 2


def test_a_large_body_and_a_chunked_answer_come_through(server: Server, tmp_path: Path) -> None:
    def answer(_line: str, _headers: dict[str, str], body: bytes) -> bytes:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: a/b\r\n\r\n"
        half = len(body) // 2
        pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:half], body[half:])]
        return head + b"".join(pieces) + b"0\r\n\r\n"

    model, body = Model(tmp_path / "chunked.sock", answer), os.urandom(6_291_456)
    with endpoint(server, "chunked", ("v", 1.0, model.path)):
        got = server.client("sagemaker-runtime").invoke_endpoint(EndpointName="chunked", Body=body)
        assert got["Body"].read() == body
    model.close()


def test_a_body_over_the_documented_limit_is_refused_in_strict_mode_only(server: Server, echo: Model) -> None:
    asked: Any = {"EndpointName": "limited", "Body": b"x" * 6_291_457}
    with endpoint(server, "limited", ("v", 1.0, echo.path)):
        got = server.client("sagemaker-runtime").invoke_endpoint(**asked)
        assert len(json.loads(got["Body"].read())["body"]) == 6_291_457
        with strict(server) as url, pytest.raises(ClientError) as refused:
            server.client("sagemaker-runtime", endpoint_url=url).invoke_endpoint(**asked)
    assert code_of(refused) == "ValidationError"


def test_an_endpoint_that_is_not_there_is_a_validation_error(server: Server, echo: Model) -> None:
    runtime = server.client("sagemaker-runtime")
    with pytest.raises(ClientError, match="Endpoint nope of account 000000000000 not found") as refused:
        runtime.invoke_endpoint(EndpointName="nope", Body=b"x")
    assert code_of(refused) == "ValidationError"
    with endpoint(server, "young", status="Creating"), pytest.raises(ClientError, match="It is Creating"):
        runtime.invoke_endpoint(EndpointName="young", Body=b"x")
    with endpoint(server, "gone", ("v", 1.0, echo.path)):
        runtime.invoke_endpoint(EndpointName="gone", Body=b"x")
    with pytest.raises(ClientError, match="not found"):
        runtime.invoke_endpoint(EndpointName="gone", Body=b"x")


@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_model_s_own_error_is_told_with_status_message_and_log(
    server: Server, tmp_path: Path, status: int
) -> None:
    body = b"cannot parse <row>"
    head = f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    model = Model(tmp_path / "failing.sock", lambda *_: head + body)
    with endpoint(server, "failing", ("v", 1.0, model.path)), pytest.raises(ClientError) as refused:
        server.client("sagemaker-runtime").invoke_endpoint(EndpointName="failing", Body=b"x")
    answer: dict[str, Any] = dict(refused.value.response)
    assert code_of(refused) == "ModelError"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (answer["OriginalStatusCode"], answer["OriginalMessage"]) == (status, body.decode())
    assert ":log-group:/aws/sagemaker/Endpoints/failing" in answer["LogStreamArn"]
    model.close()


def test_a_host_that_is_gone_or_cuts_its_answer_short_is_unavailable(server: Server, tmp_path: Path) -> None:
    runtime = server.client("sagemaker-runtime")
    with (
        endpoint(server, "lost", ("v", 1.0, tmp_path / "nobody.sock")),
        pytest.raises(ClientError) as refused,
    ):
        runtime.invoke_endpoint(EndpointName="lost", Body=b"x")
    assert code_of(refused) == "ServiceUnavailable"
    asked = []

    def half(*_: object) -> bytes:
        asked.append(1)
        model.open[-1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        return b""

    model = Model(tmp_path / "half.sock", half)
    with endpoint(server, "half", ("v", 1.0, model.path)), pytest.raises(ClientError) as refused:
        runtime.invoke_endpoint(EndpointName="half", Body=b"x")
    assert code_of(refused) == "ServiceUnavailable"
    assert len(asked) == 1  # something was answered, so it is not asked again
    model.close()


def test_traffic_follows_weights_unless_a_variant_is_named(server: Server, tmp_path: Path) -> None:
    one, two = (Model(tmp_path / f"{name}.sock", lambda *_: ok(b"")) for name in ("one", "two"))
    with endpoint(server, "split", ("one", 3.0, one.path), ("two", 1.0, two.path)):
        runtime = server.client("sagemaker-runtime")

        def variant(**more: str) -> str:
            answer = runtime.invoke_endpoint(EndpointName="split", Body=b"x", **more)
            return str(answer["InvokedProductionVariant"])

        counted = [variant() for _ in range(200)].count("one")
        assert 105 < counted < 188  # 150 expected; 6 standard deviations and more
        assert {variant(TargetVariant="two") for _ in range(5)} == {"two"}
        with pytest.raises(ClientError, match="Variant three not found"):
            variant(TargetVariant="three")
    one.close()
    two.close()


def test_a_session_stays_with_the_host_that_opened_it(server: Server, tmp_path: Path) -> None:
    def stateful(name: str) -> Answer:
        def answer(_line: str, headers: dict[str, str], _body: bytes) -> bytes:
            if headers["x-amzn-sagemaker-session-id"] == "NEW_SESSION":
                expiry = "Expires=2099-01-01T00:00:00Z"
                return ok(name.encode(), f"X-Amzn-SageMaker-New-Session-Id: s-{name}; {expiry}")
            return ok(name.encode())

        return answer

    models = [Model(tmp_path / f"{name}.sock", stateful(name)) for name in ("left", "right")]
    with endpoint(server, "stateful", *(("v", 1.0, model.path) for model in models)):
        runtime = server.client("sagemaker-runtime")
        opened = {}
        for _ in range(8):
            new = runtime.invoke_endpoint(EndpointName="stateful", Body=b"x", SessionId="NEW_SESSION")
            opened[new["NewSessionId"].partition(";")[0]] = new["Body"].read()
        assert len(opened) == 2  # both hosts get their share
        for session, host in opened.items():
            for _ in range(3):
                again = runtime.invoke_endpoint(EndpointName="stateful", Body=b"x", SessionId=session)
                assert again["Body"].read() == host
    for model in models:
        model.close()


def test_a_policy_taken_away_a_moment_ago_counts(server: Server, echo: Model) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="caller")
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    statement = {
        "Effect": "Allow",
        "Action": "sagemaker:InvokeEndpoint",
        "Resource": "arn:aws:sagemaker:*:*:endpoint/open*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="caller", PolicyName="p", PolicyDocument=policy)
    runtime = server.client("sagemaker-runtime", key)
    with endpoint(server, "opened", ("v", 1.0, echo.path)), endpoint(server, "closed", ("v", 1.0, echo.path)):
        runtime.invoke_endpoint(EndpointName="opened", Body=b"x")
        with pytest.raises(ClientError, match="not authorized to perform: sagemaker:InvokeEndpoint"):
            runtime.invoke_endpoint(EndpointName="closed", Body=b"x")
        iam.delete_user_policy(UserName="caller", PolicyName="p")
        with pytest.raises(ClientError) as refused:
            runtime.invoke_endpoint(EndpointName="opened", Body=b"x")
        assert code_of(refused) == "AccessDeniedException"


def test_a_socket_path_of_any_length_can_be_reached(server: Server, tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 150)
    directory.mkdir()
    model = Model(directory / "far.sock", lambda *_: ok(b"far"))
    with endpoint(server, "far", ("v", 1.0, model.path)):
        answer = server.client("sagemaker-runtime").invoke_endpoint(EndpointName="far", Body=b"x")
        assert answer["Body"].read() == b"far"
    model.close()


def test_latencies_are_told(server: Server, echo: Model) -> None:
    from urllib.request import urlopen

    with endpoint(server, "timed", ("v", 1.0, echo.path)):
        for _ in range(3):
            server.client("sagemaker-runtime").invoke_endpoint(EndpointName="timed", Body=b"x")
    with urlopen(f"{server.url}/_clary/latencies", timeout=90) as answer:  # noqa: S310 - our own server
        told = json.loads(answer.read())["endpoints"]
    timed = told["arn:aws:sagemaker:us-east-1:000000000000:endpoint/timed"]["v"]
    assert timed["Invocations"] == 3
    assert timed["OverheadLatency"]["p50"] > 0
    assert timed["ModelLatency"]["p50"] > 0


def test_a_streamed_answer_arrives_as_events(server: Server, tmp_path: Path) -> None:
    pieces = [b"one ", b"two ", b"three"]
    taken = threading.Event()

    def answer(_line: str, headers: dict[str, str], _body: bytes) -> bytes:
        assert headers["accept"] == "text/plain"
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n"
        model.open[-1].sendall(head + b"4\r\none \r\n")
        assert taken.wait(90)  # the first piece is with the caller before the second is made
        return b"4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"

    model = Model(tmp_path / "stream.sock", answer)
    with endpoint(server, "streamed", ("v", 1.0, model.path)):
        runtime = server.client("sagemaker-runtime")
        got = runtime.invoke_endpoint_with_response_stream(
            EndpointName="streamed", Body=b"x", Accept="text/plain"
        )
        assert (got["InvokedProductionVariant"], got["ContentType"]) == ("v", "text/plain")
        told = []
        for event in got["Body"]:
            told.append(event["PayloadPart"]["Bytes"])
            taken.set()
    assert b"".join(told) == b"".join(pieces)
    assert told[0] == pieces[0]
    model.close()


def test_a_stream_that_breaks_off_says_so_and_one_that_never_began_is_an_error(
    server: Server, tmp_path: Path
) -> None:
    def breaks(*_: object) -> bytes:
        model.open[-1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        return b""

    model = Model(tmp_path / "breaks.sock", breaks)
    failing = Model(tmp_path / "fails.sock", lambda *_: b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad")
    runtime = server.client("sagemaker-runtime")
    with (
        endpoint(server, "breaks", ("v", 1.0, model.path)),
        endpoint(server, "fails", ("v", 1.0, failing.path)),
    ):
        got = runtime.invoke_endpoint_with_response_stream(EndpointName="breaks", Body=b"x")
        stream = iter(got["Body"])
        assert next(stream)["PayloadPart"]["Bytes"] == b"half"
        with pytest.raises(EventStreamError, match="ModelStreamError"):
            next(stream)
        with pytest.raises(ClientError) as refused:
            runtime.invoke_endpoint_with_response_stream(EndpointName="fails", Body=b"x")
        assert code_of(refused) == "ModelError"
        assert dict(refused.value.response)["OriginalMessage"] == "bad"
    model.close()
    failing.close()


def test_an_answer_that_ends_with_its_connection_is_whole(server: Server, tmp_path: Path) -> None:
    def answer(*_: object) -> bytes:
        model.open[-1].sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/csv\r\n\r\n1,2")
        return b""

    model = Model(tmp_path / "old.sock", answer)
    with endpoint(server, "old", ("v", 1.0, model.path)):
        for _ in range(2):
            got = server.client("sagemaker-runtime").invoke_endpoint(EndpointName="old", Body=b"x")
            assert got["Body"].read() == b"1,2"
    model.close()


def test_what_is_not_built_is_refused_and_what_is_unknown_is_stripped(server: Server, echo: Model) -> None:
    with endpoint(server, "strict", ("v", 1.0, echo.path)):
        runtime = server.client("sagemaker-runtime")
        with pytest.raises(ClientError, match="inference component, which no endpoint here has"):
            runtime.invoke_endpoint(EndpointName="strict", Body=b"x", InferenceComponentName="c")

        def add(request: Any, **_: object) -> None:
            request.headers["X-Amzn-SageMaker-Secret"] = "1"
            request.headers["X-Other"] = "1"

        runtime.meta.events.register("before-sign.sagemaker-runtime.*", add)
        told = json.loads(runtime.invoke_endpoint(EndpointName="strict", Body=b"x")["Body"].read())
    assert set(told["headers"]) == {"host", "content-length"}
