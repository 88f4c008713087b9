"""Whatever bytes come in, what goes out is HTTP, modelled, in time, and no fault of the server's."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.conftest import Server, strict

from clary.core.listening import listen
from clary.gateway.app import Gateway
from clary.gateway.protocol import MOST_HEAD, PATIENCE
from clary.gateway.server import Server as Network

JSON = "application/x-amz-json-1.1"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
BUCKET = "/sagemaker-us-east-1-000000000000"
CREATE, LIST = "SageMaker.CreateTrainingJob", "SageMaker.ListTrainingJobs"


@pytest.fixture(autouse=True)
def no_complaint(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail when the server logged an error or a traceback over what a test sent."""
    yield
    assert [r.getMessage() for r in caplog.records if r.exc_info or r.levelno >= logging.ERROR] == []


def signed(
    server: Server, service: str, method: str, path: str, body: bytes = b"", **headers: str
) -> dict[str, str]:
    """Return the headers of a signed request, Content-Length and Host among them."""
    credentials = Credentials(server.keys["AccessKeyId"], server.keys["SecretAccessKey"])
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest(method=method, url=server.url + path, data=body, headers=named)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(credentials, service, "us-east-1").add_auth(request)
    return {
        **dict(request.headers.items()),
        "Host": f"127.0.0.1:{server.port}",
        "Content-Length": str(len(body)),
    }


def wire(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return a request's bytes."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


def call(server: Server, target: str, body: bytes) -> bytes:
    """Return the bytes of a signed SageMaker call."""
    return wire(
        "POST",
        "/",
        signed(server, "sagemaker", "POST", "/", body, Content_Type=JSON, X_Amz_Target=target),
        body,
    )


def ask(
    port: int, data: bytes, *, half: bool = False, answers: int = 1, seconds: float = 10
) -> list[tuple[int, bytes]]:
    """Send bytes; return status and body of every answer until the server closes or there are enough."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(data)
        if half:
            connection.shutdown(socket.SHUT_WR)
        got = b""
        while len(read(got)) < answers:
            try:
                piece = connection.recv(1 << 16)
            except ConnectionResetError:
                break
            if not piece:
                break
            got += piece
    return read(got)


def _next(connection: socket.socket) -> int:
    """Return the status of the one answer that comes next, however many pieces it comes in."""
    got = b""
    while not read(got):
        piece = connection.recv(1 << 16)
        assert piece, "the server hung up"
        got += piece
    [(status, _)] = read(got)
    return status


def read(data: bytes) -> list[tuple[int, bytes]]:
    """Take answers apart; an incomplete one at the end is left out."""
    found = []
    while b"\r\n\r\n" in data:
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        size = int(lines.get(b"content-length", b"0"))
        if len(rest) < size:
            break
        found.append((int(head.split()[1]), rest[:size]))
        data = rest[size:]
    return found


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        (CREATE, b'{"TrainingJobName": "x"', "SerializationException"),
        (CREATE, b"[]", "SerializationException"),
        (CREATE, b"null", "SerializationException"),
        (CREATE, b'{"TrainingJobName": NaN}', "SerializationException"),
        (CREATE, b'{"Tags":' + b"[" * 50_000, "SerializationException"),
        (CREATE, b'{"HyperParameters":' * 2000 + b"1" + b"}" * 2000, "SerializationException"),
        (CREATE, b'{"TrainingJobName": "\\ud800"}', "SerializationException"),
        (CREATE, b'{"TrainingJobName": "\xfc"}', "SerializationException"),
        (CREATE, "{}".encode("utf-16"), "SerializationException"),
        (CREATE, b'{"TrainingJobName": "a", "TrainingJobName": "a\\u0000b"}', "ValidationException"),
        (CREATE, b"", "ValidationException"),
        (LIST, b'{"MaxResults": 99999999999999999999999}', "SerializationException"),
        (LIST, b'{"MaxResults": 1.5}', "SerializationException"),
        (LIST, b'{"MaxResults": 0}', "ValidationException"),
        (LIST, b'{"CreationTimeAfter": 1e300}', "SerializationException"),
        (LIST, b'{"CreationTimeAfter": "yesterday"}', "SerializationException"),
        (LIST, b'{"NextToken": "made up"}', "ValidationException"),
        (LIST, b'{"NameContains": "' + b"a" * 1_000_000 + b'"}', "ValidationException"),
        (LIST, json.dumps({"NameContains": "%_' OR 1=1 --"}).encode(), "ValidationException"),
        ("SageMaker.NoSuchOperation", b"{}", "UnknownOperationException"),
        ("SageMaker.", b"{}", "UnknownOperationException"),
        (
            "SageMaker.RenderUiTemplate",
            b'{"Task": {"Input": "{}"}, "RoleArn": "arn:aws:iam::000000000000:role/r"}',
            "InvalidAction",
        ),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_call_that_makes_no_sense_gets_the_modelled_error(
    server: Server, target: str, body: bytes, code: str
) -> None:
    ((status, answer),) = ask(server.port, call(server, target, body))
    assert json.loads(answer)["__type"] == code
    assert status == 400
    assert len(answer) < 20_000


def test_a_member_nobody_knows_is_passed_over_as_aws_does(server: Server) -> None:
    ((status, _),) = ask(server.port, call(server, LIST, b'{"Nonsense": {"deep": [1, null, {}]}}'))
    assert status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", f"{BUCKET}?delete", b"<Delete", b"MalformedXML"),
        ("POST", f"{BUCKET}?delete", b"<a>" * 50_000, b"MalformedXML"),
        ("POST", f"{BUCKET}?delete", b'<!DOCTYPE a [<!ENTITY b "c">]><Delete>&b;</Delete>', b"MalformedXML"),
        ("PUT", f"{BUCKET}?tagging", b"\xff\xfe<", b"MalformedXML"),
        ("POST", f"{BUCKET}/key?uploadId=none", b"{}", b"MalformedXML"),
        ("GET", f"{BUCKET}/never/there", b"", b"NoSuchKey"),
        ("GET", "/no-such-bucket-at-all", b"", b"NoSuchBucket"),
        ("GET", f"{BUCKET}?list-type=2&max-keys=many", b"", b"InvalidArgument"),
        ("GET", f"{BUCKET}?list-type=2&continuation-token=%00%FF", b"", b"InvalidURI"),
        ("GET", f"{BUCKET}/a%00b", b"", b"NoSuchKey"),
        ("PUT", "/Not_A_Bucket", b"", b"InvalidBucketName"),
        ("PUT", f"{BUCKET}/{'k' * 1100}", b"x", b"KeyTooLongError"),
        ("DELETE", f"{BUCKET}/key?uploadId=..%2F..", b"", b"NoSuchUpload"),
    ],
)
def test_an_s3_call_that_makes_no_sense_gets_s3s_error(
    server: Server, method: str, path: str, body: bytes, code: bytes
) -> None:
    headers = signed(server, "s3", method, path, body)
    ((status, answer),) = ask(server.port, wire(method, path, headers, body))
    assert 400 <= status < 500
    assert b"<Code>" + code in answer


@pytest.mark.parametrize(
    ("service", "body"),
    [
        ("sts", b"Action=AssumeRole"),
        ("sts", b"Action=Nothing&Version=2011-06-15"),
        ("sts", b"Action=GetCallerIdentity&Version=2011-06-15&" + b"A.member.1=" * 5000),
        ("iam", b"\x00\xff" * 500),
        ("iam", b"Action=GetRole&RoleName=%ff%00"),
        ("iam", b"Action=CreateRole&RoleName=x&AssumeRolePolicyDocument={{{{"),
        ("iam", b"Action=ListRoles&MaxItems=many"),
    ],
)
def test_a_form_that_makes_no_sense_is_a_clean_error(server: Server, service: str, body: bytes) -> None:
    form = "application/x-www-form-urlencoded"
    headers = signed(server, service, "POST", "/", body, Content_Type=form)
    ((status, answer),) = ask(server.port, wire("POST", "/", headers, body))
    assert (400 <= status < 500) or (status == 200 and b"GetCallerIdentity" in body)
    assert status == 200 or b"<Code>" in answer


@pytest.mark.parametrize("body", [b"\x9f" * 9999, b"\x9b" + b"\xff" * 8, b"\xa1\x01\x02", b""])
def test_cbor_that_makes_no_sense_is_a_clean_error(server: Server, body: bytes) -> None:
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    headers = signed(server, "monitoring", "POST", path, body, Smithy_Protocol="rpc-v2-cbor")
    ((status, _),) = ask(server.port, wire("POST", path, headers, body))
    assert 400 <= status < 500 or status == 501


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n\r\n", 400),
        (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /" + b"y" * (1 << 20) + b" HTTP/1.1\r\n\r\n", 431),
        (GET + b"X: a\0b\r\n\r\n", 400),
        (GET + b"X: a\r\n folded\r\n\r\n", 400),
        (GET + b"Content-Length: -5\r\n\r\n", 400),
        (GET + b"Content-Length: two\r\n\r\n", 400),
        (GET + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", 400),
        (GET + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (b"GET /%zz%00/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 403),
        (b"GET http://elsewhere/ HTTP/1.1\r\nHost: x\r\n\r\n", 403),
        (GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 403),
        (GET + b"Authorization: AWS4-HMAC-SHA256 \xff\x00nonsense\r\n\r\n", 400),
        (GET + b"Authorization: AWS4-HMAC-SHA256 Credential=a/b/c/d/e,,=\r\n\r\n", 400),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_is_not_a_fair_request_is_refused(server: Server, data: bytes, status: int) -> None:
    assert ask(server.port, data)[0][0] == status


@pytest.mark.parametrize(
    "trick",
    [
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n",
        b"Content-Length: 4\r\nContent-Length: %d\r\n",
        b"Transfer-Encoding : chunked\r\nContent-Length: %d\r\n",
        b"Transfer-Encoding: xchunked\r\nContent-Length: %d\r\n",
        b"Transfer-Encoding: chunked, identity\r\nContent-Length: %d\r\n",
        b"Transfer-Encoding:\x0bchunked\r\nContent-Length: %d\r\n",
    ],
)
def test_no_request_is_smuggled_behind_another(server: Server, trick: bytes) -> None:
    hidden = call(server, LIST, b"{}")
    data = b"POST / HTTP/1.1\r\nHost: x\r\n" + trick % (len(hidden) + 5) + b"\r\n0\r\n\r\n" + hidden
    assert [status for status, _ in ask(server.port, data, answers=3)] == [400]


def test_pipelined_calls_are_answered_in_order(server: Server) -> None:
    data = b"".join(
        call(server, f"SageMaker.{name}", b"{}") for name in ("ListModels", "No", "ListEndpoints")
    )
    assert [body[:10] for _, body in ask(server.port, data, answers=3)] == [
        b'{"Models":',  # other tests may have made some
        b'{"__type":',
        b'{"Endpoint',
    ]


@pytest.mark.parametrize("many", [True, False])
def test_headers_without_end_are_refused(server: Server, many: bool) -> None:
    flood = b"".join(b"X-%d: y\r\n" % n for n in range(MOST_HEAD)) if many else b"X: " + b"y" * (8 << 20)
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=90)
    with connection, pytest.raises((BrokenPipeError, ConnectionResetError)):
        connection.sendall(GET)
        for start in range(0, len(flood), 1 << 16):
            connection.sendall(flood[start : start + (1 << 16)])
            time.sleep(0.001)  # so that the refusal can arrive before everything is sent


@pytest.mark.parametrize("service", ["sagemaker", "sagemaker-runtime"])
def test_a_body_over_its_limit_is_told_so_after_it_was_sent(server: Server, service: str) -> None:
    body = b'{"x": "' + b"a" * (20 << 20) + b'"}'
    path = "/" if service == "sagemaker" else "/endpoints/none/invocations"
    headers = signed(server, "sagemaker", "POST", path, body, Content_Type=JSON, X_Amz_Target=CREATE)
    data = wire("POST", path, headers, body) + call(server, LIST, b"{}")
    with strict(server) as url:
        (status, answer), (after, _) = ask(int(url.rpartition(":")[2]), data, answers=2)
    assert (status, b"larger" in answer or b"less than or equal to" in answer) == (
        413 if service == "sagemaker" else 400,
        True,
    )
    assert after == 200  # the connection is in step


def test_a_body_cut_short_ends_the_connection(server: Server) -> None:
    whole = call(server, LIST, b'{"MaxResults": 5}')
    assert ask(server.port, whole[:-3], half=True) == []


@contextmanager
def hasty(server: Server, patience: float) -> Iterator[int]:
    """Run another gateway of the same home that does not wait long; give its port."""
    listener = listen("127.0.0.1", 0, shared=False, alone=True)
    ready = threading.Event()
    network = Network(Gateway(server.parts), ready.set, patience=patience)
    thread = threading.Thread(target=lambda: asyncio.run(network.serve([listener])))
    thread.start()
    assert ready.wait(90)
    try:
        yield listener.getsockname()[1]
    finally:
        network.stop()
        thread.join(10)


def test_a_request_that_does_not_come_is_not_waited_for(server: Server) -> None:
    whole = call(server, LIST, b'{"MaxResults": 5}')
    with hasty(server, 0.3) as port:
        for begun in (b"", b"POST / HT", GET + b"X: y\r\n", whole[:-3]):
            began = time.monotonic()
            ((status, answer),) = ask(port, begun)
            assert (status, answer) == (408, b"The rest of the request did not come within 0.3 s.")
            assert time.monotonic() - began < PATIENCE  # which another gateway has
        connection = socket.create_connection(("127.0.0.1", port), timeout=90)
        with connection, pytest.raises((BrokenPipeError, ConnectionResetError)):
            for byte in GET * 100:  # a byte now and then does not keep a head open
                connection.sendall(bytes([byte]))
                time.sleep(0.02)


def test_a_slow_body_and_an_idle_connection_are_let_be(server: Server) -> None:
    for patience in (1, 5, 20):  # a machine that pauses may be away for longer than the first
        told = slowly(server, patience)
        if 408 not in told:
            break
    assert told == [200, 200]


def slowly(server: Server, patience: float) -> list[int]:
    """Send a request whose body takes longer than a gateway waits, and another after as long a rest."""
    rest = b" " * 17
    body = b'{"MaxResults": 5}' + b" " * 20_000 + rest  # what came of it at once makes up for the rest
    data, told = call(server, LIST, body), []
    with (
        hasty(server, patience) as port,
        socket.create_connection(("127.0.0.1", port), timeout=90) as connection,
    ):
        try:
            connection.sendall(data[: -len(rest)])
            for byte in rest:
                time.sleep(patience / 10)
                connection.sendall(bytes([byte]))
            told.append(_next(connection))
        except OSError:  # it was given up, and what it was told is lost with the connection
            return [408]
        if told == [200]:
            time.sleep(1.2 * patience)
            connection.sendall(data)
            told.append(_next(connection))
    return told


def test_flipped_bytes_never_make_the_server_fail(server: Server) -> None:
    chance = random.Random(34586062)  # noqa: S311 - the same noise every time
    bodies = [call(server, CREATE, b'{"TrainingJobName": "j", "Tags": [{"Key": "k", "Value": "v"}]}')]
    headers = signed(server, "s3", "GET", f"{BUCKET}?list-type=2")
    bodies.append(wire("GET", f"{BUCKET}?list-type=2", headers))
    for _ in range(400):
        data = bytearray(chance.choice(bodies))
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        for status, _ in ask(server.port, bytes(data), half=True):
            assert status < 500 or status == 501
    assert ask(server.port, call(server, LIST, b"{}"))[0][0] == 200
