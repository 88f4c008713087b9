"""The straight way says yes only to what the way of all others would say yes to; all else it leaves alone."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httptools
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.conftest import Server
from tests.gateway.test_quick import PATH, answers, request
from tests.serving.test_router import Model, endpoint, ok

from clary.gateway.admission import Admission
from clary.gateway.invoke import Invoker
from clary.gateway.straight import Call, Straight
from clary.gateway.whole import MOST_BODY, MOST_HEAD, read
from clary.store.credentials import Credentials as KnownCredentials

if TYPE_CHECKING:
    from clary.core.principal import Credential

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
PLAIN = b"POST /endpoints/e/invocations HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n1,2"


def test_a_request_that_is_whole_is_read() -> None:
    whole = read(PLAIN.replace(b"Host: h", b"X-Amzn-SageMaker-Custom-Attributes:\t a  b \xe9 \r\nHOST:h"))
    assert whole is not None
    assert (whole.path, whole.endpoint, whole.body) == (b"/endpoints/e/invocations", "e", b"1,2")
    assert whole.headers == {
        b"x-amzn-sagemaker-custom-attributes": b"a  b \xe9 ",
        b"host": b"h",
        b"content-length": b"3",
    }


@pytest.mark.parametrize(
    "value", [b"", b"  ", b"a", b"  a", b"\ta\t", b"a  b  ", b" \t a\tb \t", b"\xe9 \xff "]
)
def test_blanks_are_read_as_the_parser_reads_them(value: bytes) -> None:
    parsed: dict[bytes, bytes] = {}

    class Parsed:
        def on_header(self, name: bytes, value: bytes) -> None:
            parsed[name.lower()] = value

    data = PLAIN.replace(b"Host: h", b"Host: h\r\nX-Blank:" + value)
    httptools.HttpRequestParser(Parsed()).feed_data(data)
    whole = read(data)
    assert whole is not None and whole.headers == parsed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"1,2", b"1,"),
        (b"1,2", b"1,2,"),
        (b"1,2", b"1,2POST / HTTP/1.1\r\n\r\n"),
        (b"POST", b"GET"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"/endpoints/e/", b"/endpoints/%65/"),
        (b"invocations", b"invocations?a=b"),
        (b"Length: 3", b"Length: +3"),
        (b"Length: 3", b"Length: 3\r\nContent-Length: 3"),
        (b"Length: 3", b"Length: 3, 3"),
        (b"Length: 3", b"Length: %b3" % (b"0" * 5000)),
        (b"Host: h", b"Host: %b" % (b"h" * MOST_HEAD)),
        (b"Host: h", b"Transfer-Encoding: chunked"),
        (b"Host: h", b"Expect: 100-continue"),
        (b"Host: h", b"Connection: close"),
        (b"Host: h", b"Connection: Upgrade\r\nUpgrade: websocket"),
        (b"Host: h", b"Host : h"),
        (b"Host: h", b": h"),
        (b"Host: h", b"Host"),
        (b"Host: h", b"Host: h\n folded"),
        (b"Host: h", b"Host: h\r\n folded"),
        (b"Host: h", b"Host: h\rX: y"),
        (b"Host: h", b"Host: h\0"),
        (b"Host: h", b"Host: h\xa0"),
        (b"Host: h", b"Host: \x85h"),
        (b"Length: 3", b"Length: 3 "),
        (b"3\r\n\r\n1,2", b"%d\r\n\r\n" % (MOST_BODY + 1) + bytes(MOST_BODY + 1)),
        (b"\r\n\r\n1,2", b"\r\n"),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_parser(old: bytes, new: bytes) -> None:
    assert old in PLAIN
    assert read(PLAIN.replace(old, new)) is None


class Signer:
    """Signs predictions as a user of the server does, and asks for their admission."""

    def __init__(self, server: Server) -> None:
        self.server = server
        found = server.parts.credentials.find(server.keys["AccessKeyId"])
        assert found
        self.credential: Credential = found
        self.admission = Admission(server.parts.plane)
        self.remember("e")

    def remember(self, name: str) -> None:
        plane = self.server.parts.plane
        plane.look(float("inf"))
        principal = self.credential.principal
        arn = f"arn:aws:sagemaker:us-east-1:{principal.account}:endpoint/{name}"
        assert plane.authoriser.allowed(principal, "sagemaker:InvokeEndpoint", arn)

    def made(self, body: bytes = b"1,2", **extra: str) -> bytes:
        sent = AWSRequest("POST", "http://h/endpoints/e/invocations", {"Content-Type": "text/csv"}, body)
        for name, value in extra.items():
            sent.headers[name.replace("_", "-")] = value
        SigV4Auth(
            Credentials(self.credential.access_key, self.credential.secret), "sagemaker", "us-east-1"
        ).add_auth(sent)
        fields = "".join(f"{name}: {value}\r\n" for name, value in sent.headers.items())
        head = f"POST /endpoints/e/invocations HTTP/1.1\r\nHost: h\r\n{fields}"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def admitted(self, data: bytes, now: datetime | None = None) -> bool:
        whole = read(data)
        assert whole is not None
        self.admission.look()
        return self.admission.admit(whole, now or datetime.now(UTC)) is not None


def test_who_signed_rightly_is_admitted_and_nobody_else(server: Server) -> None:
    signer = Signer(server)
    good = signer.made(X_Amz_Meta="two  words")
    assert signer.admitted(good)
    assert signer.admitted(good)
    signature = re.search(rb"Signature=([0-9a-f]{64})", good)
    assert signature
    for old, new in (
        (b"1,2", b"1,3"),
        (b"text/csv", b"text/csw"),
        (b"two  words", b"two  wordt"),
        (b"/endpoints/e/", b"/endpoints/f/"),
        (signature[1], b"0" * 64),
        (b"Host: h", b"Host: i"),
        (b"us-east-1", b"us-east-2"),
        (b"Host: h", b"Host: h\r\nX-Amz-Target: SageMaker.DeleteModel"),
        (b"Host: h", b"Host: h\r\nX-Amz-Security-Token: t"),
        (b"AWS4-HMAC-SHA256", b"AWS4-HMAC-SHA255"),
        (b"SignedHeaders=", b"SignedHeader="),
    ):
        assert old in good
        assert not signer.admitted(good.replace(old, new)), old
    assert not signer.admitted(good, datetime.now(UTC) + timedelta(minutes=6))
    assert not signer.admitted(good, datetime.now(UTC) - timedelta(minutes=6))
    assert not signer.admitted(re.sub(rb"(?i)x-amz-date: .*?\r\n", b"", good))
    assert not signer.admitted(re.sub(rb"(?i)(x-amz-date: .{8})T", rb"\1t", good))


def test_what_was_not_decided_before_is_not_decided_here(server: Server) -> None:
    signer = Signer(server)
    server.parts.plane.authoriser._memory.decided.clear()
    assert not signer.admitted(signer.made())
    signer.remember("e")
    assert signer.admitted(signer.made())


def test_a_credential_that_is_over_or_gone_is_not_admitted(server: Server) -> None:
    signer = Signer(server)
    good = signer.made()
    assert signer.admitted(good)
    (seal,) = signer.admission._seals.values()
    seal.credential = replace(seal.credential, expires=datetime.now(UTC))
    assert not signer.admitted(good)
    server.client("iam").create_user(UserName="straight-away")  # any write to IAM ends what was remembered
    signer.remember("e")
    signer.admission.look()
    assert not signer.admission._seals


def test_nothing_is_remembered_of_who_did_not_sign_rightly(server: Server) -> None:
    signer = Signer(server)
    good = signer.made(X_Amz_Meta="m")
    for number in range(100):
        names = b"SignedHeaders=x%d;" % number
        assert not signer.admitted(good.replace(b"SignedHeaders=", names))
    assert not signer.admission._seals
    wrong = re.sub(rb"Signature=[0-9a-f]{64}", b"Signature=" + b"0" * 64, good)
    assert signer.admitted(good)
    (seal,) = signer.admission._seals.values()
    for number in range(100):
        assert not signer.admitted(wrong.replace(b"Host: h", b"Host: h\r\nX-%d: y" % number))
    assert len(seal.covered) == 1
    for number in range(100):
        assert signer.admitted(good.replace(b"Host: h", b"Host: h\r\nX-%d: y" % number))
    assert len(seal.covered) < 100
    (signature,) = re.findall(rb"Signature=[0-9a-f]{64}", good)
    twice = b"Signature=%b, Also%b" % (b"1" * 64, signature)  # the last is right, the one that counts is not
    assert not signer.admitted(good.replace(signature, twice))


class Failing(KnownCredentials):
    """Nobody's, as the database does not answer."""

    def __init__(self) -> None:
        pass

    def generation(self) -> int:
        return 0

    def find(self, access_key: str, token: str | None = None) -> Credential | None:
        raise OSError("disk I/O error")


def _fail(_asked: float) -> None:
    raise OSError("disk I/O error")


@pytest.mark.parametrize("part", [{"look": _fail}, {"credentials": Failing()}])
def test_calls_that_meet_a_failure_before_they_are_admitted_are_left_to_the_other_way(
    server: Server, part: dict[str, Any]
) -> None:
    parts = replace(server.parts, plane=replace(server.parts.plane, **part))
    whole, declined = read(Signer(server).made()), list[int]()
    assert whole

    async def take() -> None:
        straight = Straight(parts, Invoker(parts))
        for number in range(3):
            decline = partial(declined.append, number)
            straight.take(Call(whole, "", time.perf_counter(), lambda *told: None, decline))
        await asyncio.sleep(0)

    asyncio.run(take())
    assert declined == [0, 1, 2]


def test_what_comes_during_a_call_waits_for_its_answer(server: Server, tmp_path: Path) -> None:
    """And the answers are in the requests' order, whichever way each of them goes."""
    model = Model(tmp_path / "m.sock", lambda line, headers, body: ok(body, "Content-Type: text/csv"))
    with (
        endpoint(server, "quick", ("AllTraffic", 1.0, model.path)),
        socket.create_connection(("127.0.0.1", server.port), timeout=90) as caller,
    ):
        for number in range(20):
            bodies = [b"%d,%d" % (number, each) for each in range(4)]
            caller.sendall(request(server, bodies[0]))
            caller.sendall(request(server, bodies[1]) + request(server, bodies[2])[:100])
            caller.sendall(request(server, bodies[2])[100:])
            caller.sendall(request(server, bodies[3], path=PATH))
            assert [body for _, body in answers(caller, 4)] == bodies
    model.close()


def test_a_model_s_error_and_a_lost_host_are_told_and_written_down(server: Server, tmp_path: Path) -> None:
    def answer(line: str, headers: dict[str, str], body: bytes) -> bytes:
        return b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nno!" if body == b"bad" else ok(body)

    model = Model(tmp_path / "m.sock", answer)
    audit = server.home.logs / "audit-0.jsonl"
    with (
        endpoint(server, "quick", ("AllTraffic", 1.0, model.path)),
        socket.create_connection(("127.0.0.1", server.port), timeout=90) as caller,
    ):
        ids = []
        for body, status in ((b"good", 200), (b"good", 200), (b"bad", 424), (b"good", 200)):
            caller.sendall(request(server, body))
            ((head, told),) = answers(caller, 1)
            assert head.startswith(b"HTTP/1.1 %d " % status)
            assert (b"no!" in told) == (body == b"bad")
            found = re.search(rb"x-amzn-requestid: (\S+)", head)
            assert found
            ids.append(found[1])
    model.close()
    while not all(each in audit.read_bytes() for each in ids):
        pass  # the test's own limit ends a wait in vain
    (line,) = [line for line in audit.read_text().splitlines() if ids[2].decode() in line]
    assert '"status":424,"error":"ModelError"' in line
    assert (
        '"operation":"InvokeEndpoint","resource":"arn:aws:sagemaker:us-east-1:000000000000:endpoint/quick"'
        in line
    )


def test_what_looks_like_a_request_inside_of_another_one_is_none(server: Server, tmp_path: Path) -> None:
    """However the network cuts what was sent: here, the value of a header begins a piece."""
    model = Model(tmp_path / "m.sock", lambda line, headers, body: ok(body, "Content-Type: text/csv"))
    with (
        endpoint(server, "quick", ("AllTraffic", 1.0, model.path)),
        socket.create_connection(("127.0.0.1", server.port), timeout=90) as caller,
        socket.create_connection(("127.0.0.1", server.port), timeout=90) as other,
    ):
        for _ in range(2):
            for connection in (other, caller):  # from the second call on, both go the straight way
                connection.sendall(request(server, b"1,2"))
                assert answers(connection, 1)[0][1] == b"1,2"
            caller.sendall(b"GET /_clary/health HTTP/1.1\r\nHost: x\r\nX-Header: ")
            other.sendall(request(server, b"3"))  # once this is answered, that piece was read
            assert answers(other, 1)[0][1] == b"3"
            caller.sendall(request(server, b""))
            assert b"status" in answers(caller, 1)[0][1]
    model.close()
