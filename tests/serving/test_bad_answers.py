"""A container that does not answer as it should: the caller is told what was wrong, and nobody else pays."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EventStreamError
from tests.serving.test_router import Model, endpoint, ok

from clary.core.limits import STRICT, Limits
from clary.core.listening import listen
from clary.gateway.app import Gateway
from clary.gateway.server import Server as Network
from clary.serving.connection import MOST_HEAD, MOST_VALUE, Answer, BadAnswer, Host
from clary.serving.router import Router

if TYPE_CHECKING:
    from tests.conftest import Server

OK = b"HTTP/1.1 200 OK\r\n"
MOST = 1 << 20
BAD = {
    b"noise": (b"what is HTTP?\r\n\r\n", 0, r"is not HTTP/1\.1"),
    b"control": (OK + b"X: a\x01b\r\nContent-Length: 0\r\n\r\n", 0, r"is not HTTP/1\.1"),
    b"upgrade": (
        b"HTTP/1.1 101 No\r\nUpgrade: ws\r\nConnection: Upgrade\r\n\r\n",
        0,
        r"wants another protocol",
    ),
    b"both": (
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1",
        0,
        r"is not HTTP/1\.1",
    ),
    b"value": (
        ok(b"1", "X-Long: " + "v" * (MOST_VALUE + 1)),
        0,
        rf"The header X-Long .* has {MOST_VALUE + 1} bytes; at most {MOST_VALUE}",
    ),
    b"headers": (OK + b"X: y\r\n" * MOST_HEAD, 0, rf"headers .* exceed {MOST_HEAD} bytes"),
    b"much": (ok(b"x" * (MOST + 1)), 0, r"longer than 1048576 bytes.* answer less at a time"),
    b"claims": (OK + b"Content-Length: 99999999999\r\n\r\nx", 0, r"longer than 1048576 bytes"),
    b"endless": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + (b"100000\r\n" + b"x" * 0x100000 + b"\r\n") * 2,
        0,
        r"longer than 1048576 bytes",
    ),
    b"bad and much": (
        b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % (6 * MOST) + b"sorry " * MOST,
        500,
        r"^(sorry ){100}",
    ),
    b"elsewhere": (b"HTTP/1.1 302 No\r\nLocation: /\r\nContent-Length: 4\r\n\r\ngone", 302, r"gone"),
    b"strange": (b"HTTP/1.1 999 No\r\nContent-Length: 4\r\n\r\nbeep", 999, r"beep"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """A container that answers as the body asks, and any other body with itself."""
    made = Model(
        tmp_path_factory.mktemp("model") / "m.sock",
        lambda line, headers, body: BAD[body][0] if body in BAD else ok(body),
    )
    yield made
    made.close()


@pytest.mark.parametrize("body", BAD, ids=lambda body: body.decode())
def test_what_is_no_prediction_is_told_from_one_and_the_next_call_is_answered(
    model: Model, body: bytes
) -> None:
    _, status, says = BAD[body]

    async def ask() -> None:
        host = Host("uid", model.path, MOST)
        try:
            told: Answer | BadAnswer = await host.ask(_head(body), body, 30)
        except BadAnswer as bad:
            told = bad
        assert (told.status if isinstance(told, Answer) else 0) == status
        said = told.body.decode() if isinstance(told, Answer) else str(told)
        assert re.search(says, said), said[:300]
        assert len(said) <= MOST
        assert (await host.ask(_head(b"next"), b"next", 30)).body == b"next"
        assert host.load == 0
        host.close()

    asyncio.run(ask())


@pytest.mark.parametrize("cut", [4, 20, 40, 43])
def test_an_answer_too_many_never_becomes_the_next_calls(tmp_path: Path, cut: int) -> None:
    late = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"  # of which `cut` come with the first answer

    def answer(_line: str, _headers: dict[str, str], body: bytes) -> bytes:
        if body == b"again" and asked.connections == 1:
            return late[cut:]
        return ok(body) + (late[:cut] if body == b"first" else b"")

    asked = Model(tmp_path / "m.sock", answer)

    async def ask() -> None:
        host = Host("uid", asked.path)
        first = await host.ask(_head(b"first"), b"first", 30)
        assert (first.body, first.headers) == (b"first", {b"content-length": b"5"})
        assert (await host.ask(_head(b"again"), b"again", 30)).body == b"again"
        host.close()

    asyncio.run(ask())
    assert asked.connections == 2
    asked.close()


@pytest.mark.parametrize("way", ["whole", "stream"])
@pytest.mark.parametrize("body", [b"noise", b"value", b"headers", b"elsewhere"])
def test_the_caller_gets_the_models_error(server: Server, model: Model, body: bytes, way: str) -> None:
    _, status, says = BAD[body]
    with endpoint(server, "bad-answers", ("v", 1.0, model.path)):
        runtime = server.client("sagemaker-runtime")
        whole = runtime.invoke_endpoint
        asked = whole if way == "whole" else runtime.invoke_endpoint_with_response_stream
        with pytest.raises(ClientError) as refused:
            asked(EndpointName="bad-answers", Body=body)
        told: dict[str, Any] = dict(refused.value.response)
        assert (told["Error"]["Code"], told["OriginalStatusCode"]) == ("ModelError", status)
        assert re.search(says, told["OriginalMessage"]), told["OriginalMessage"]
        assert whole(EndpointName="bad-answers", Body=b"next")["Body"].read() == b"next"


def test_a_stream_that_stops_being_http_is_broken_and_not_too_slow(server: Server, tmp_path: Path) -> None:
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nno number\r\n"
    model = Model(tmp_path / "m.sock", lambda *_: chunked)
    with endpoint(server, "bad-stream", ("v", 1.0, model.path)):
        runtime = server.client("sagemaker-runtime")
        invoke = runtime.invoke_endpoint_with_response_stream
        events = iter(invoke(EndpointName="bad-stream", Body=b"x")["Body"])
        assert next(events)["PayloadPart"]["Bytes"] == b"half"
        with pytest.raises(EventStreamError, match=r"is not HTTP/1\.1"):
            next(events)
        again = invoke(EndpointName="bad-stream", Body=b"x")["Body"]
        assert b"StreamBroken" in again._raw_stream.read()  # botocore does not tell the event's ErrorCode
    model.close()


@contextmanager
def impatient(server: Server, limits: Limits) -> Iterator[str]:
    """Run another gateway of the same home with limits of its own; give its address."""
    plane = server.parts.plane
    router = Router(server.stores.records, plane.changes, server.parts.clock, limits)
    parts = replace(server.parts, plane=replace(plane, router=router))
    listener = listen("127.0.0.1", 0, shared=False, alone=True)
    ready = threading.Event()
    network = Network(Gateway(parts), ready.set)
    thread = threading.Thread(target=lambda: asyncio.run(network.serve([listener])))
    thread.start()
    assert ready.wait(90)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        network.stop()
        thread.join(10)


def test_an_answer_after_the_time_or_over_the_length_is_the_models_error(
    server: Server, tmp_path: Path
) -> None:
    over = threading.Event()
    large = b"x" * 100_000  # so that the call goes the way on which these limits hold

    def answer(_line: str, _headers: dict[str, str], body: bytes) -> bytes:
        if body.startswith(b"late"):
            over.wait(90)
        if body == b"late stream":
            return b""
        return ok(b"y" * (1 << 20)) if body.startswith(b"much") else ok(body[:4])

    slow = Model(tmp_path / "slow.sock", answer)
    limits = replace(STRICT, prediction_bytes=500_000, model_seconds=0.5, stream_seconds=0.5)
    with impatient(server, limits) as url, endpoint(server, "slow-answers", ("v", 1.0, slow.path)):
        runtime = server.client("sagemaker-runtime", endpoint_url=url)

        def asked(body: bytes) -> str:
            """Return the answer, or what is told of the model's error."""
            try:
                answer = runtime.invoke_endpoint(EndpointName="slow-answers", Body=body)
            except ClientError as refused:
                return str(dict(refused.response)["OriginalMessage"])
            return str(answer["Body"].read().decode())

        def in_time(body: bytes) -> str:
            """Ask until it is not the machine that is late; the test's own limit ends a wait in vain."""
            while "timed out" in (told := asked(body)):
                pass
            return told

        told = [asked(b"late" + large), in_time(b"much" + large)]
        with pytest.raises(ClientError, match="timed out while waiting for a response from container v"):
            runtime.invoke_endpoint_with_response_stream(EndpointName="slow-answers", Body=b"late stream")
        over.set()
        assert in_time(b"next") == "next"
    assert "timed out while waiting for a response from container v. It has 0 s" in told[0]
    assert "longer than 500000 bytes" in told[1]
    slow.close()


def _head(body: bytes) -> bytes:
    return b"POST /invocations HTTP/1.1\r\nHost: m\r\nContent-Length: %d\r\n\r\n" % len(body)
