"""Predictions over raw sockets: however a request comes, its answer is the same, whole and in its turn."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.conftest import Server
from tests.serving.test_router import Model, endpoint, ok

PATH = "/endpoints/quick/invocations"


@pytest.fixture
def caller(server: Server, tmp_path: Path) -> Iterator[socket.socket]:
    """A connection to a gateway whose endpoint answers with the body it was sent."""
    model = Model(tmp_path / "m.sock", lambda line, headers, body: ok(body, "Content-Type: text/csv"))
    with (
        endpoint(server, "quick", ("AllTraffic", 1.0, model.path)),
        socket.create_connection(("127.0.0.1", server.port), timeout=90) as connection,
    ):
        yield connection
    model.close()


def request(
    server: Server, body: bytes, *extra: str, version: str = "1.1", path: str = PATH, chunked: bool = False
) -> bytes:
    host = f"127.0.0.1:{server.port}"
    made = AWSRequest("POST", f"http://{host}{path}", {"Content-Type": "text/csv"}, body)
    credentials = Credentials(server.keys["AccessKeyId"], server.keys["SecretAccessKey"])
    SigV4Auth(credentials, "sagemaker", "us-east-1").add_auth(made)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    fields = [f"{name}: {value}" for name, value in made.headers.items()]
    head = "\r\n".join([f"POST {path} HTTP/{version}", f"Host: {host}", *fields, length, *extra, "", ""])
    return head.encode() + (_chunks(body) if chunked else body)


def _chunks(body: bytes) -> bytes:
    pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:1], body[1:]) if piece]
    return b"".join(pieces) + b"0\r\n\r\n"


def answers(connection: socket.socket, count: int) -> list[tuple[bytes, bytes]]:
    """Read so many answers; return the head and body of each."""
    found: list[tuple[bytes, bytes]] = []
    data = b""
    while len(found) < count:
        head, end, rest = data.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if end and length and len(rest) >= int(length[1]):
            found.append((head, rest[: int(length[1])]))
            data = rest[int(length[1]) :]
            continue
        piece = connection.recv(65536)
        assert piece, data
        data += piece
    assert not data
    return found


def test_a_pipeline_is_answered_in_its_order(server: Server, caller: socket.socket) -> None:
    bodies = [b"one", b"two", b"three", b"four"]
    other = b"GET /_clary/health HTTP/1.1\r\nHost: x\r\n\r\n"
    caller.sendall(b"".join(request(server, body) for body in bodies[:2]) + other)
    caller.sendall(b"".join(request(server, body) for body in bodies[2:]))
    told = answers(caller, 5)
    assert [told[at][1] for at in (0, 1, 3, 4)] == bodies
    assert all(head.startswith(b"HTTP/1.1 200 OK\r\n") for head, _ in told)
    ids = {re.search(rb"x-amzn-requestid: ([0-9a-f-]{36})", head)[1] for head, body in told if body in bodies}  # type: ignore[index]
    assert len(ids) == 4


def test_a_request_in_single_bytes_is_the_same_request(server: Server, caller: socket.socket) -> None:
    caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in request(server, b"1,2,3"):
        caller.sendall(bytes([byte]))
    assert answers(caller, 1)[0][1] == b"1,2,3"


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 2_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_any_length_comes_back(
    server: Server, caller: socket.socket, size: int, chunked: bool
) -> None:
    body = b"x" * size
    caller.sendall(request(server, body, chunked=chunked) + request(server, b"next"))
    assert [told for _, told in answers(caller, 2)] == [body, b"next"]


def test_a_body_that_waits_for_leave_gets_it(server: Server, caller: socket.socket) -> None:
    whole = request(server, b"1,2", "Expect: 100-continue")
    caller.sendall(whole[:-3])
    assert caller.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.sendall(whole[-3:])
    assert answers(caller, 1)[0][1] == b"1,2"


@pytest.mark.parametrize(("version", "extra"), [("1.0", []), ("1.1", ["Connection: close"])])
def test_a_connection_that_is_not_kept_ends_with_its_answer(
    server: Server, caller: socket.socket, version: str, extra: list[str]
) -> None:
    caller.sendall(request(server, b"1,2", *extra, version=version))
    head, body = answers(caller, 1)[0]
    assert (b"\r\nconnection: close" in head.lower(), body) == (True, b"1,2")
    assert caller.recv(1) == b""


def test_a_changed_byte_anywhere_is_refused(server: Server, caller: socket.socket) -> None:
    good = request(server, b"1,2,3")
    for old, new in ((b"1,2,3", b"1,2,4"), (b"text/csv", b"text/csw"), (b"/quick/", b"/quicc/")):
        caller.sendall(good)
        caller.sendall(good.replace(old, new))
        (right, _), (wrong, words) = answers(caller, 2)
        assert right.startswith(b"HTTP/1.1 200")
        assert wrong.startswith(b"HTTP/1.1 403"), (old, words)


def test_a_caller_that_leaves_before_its_body_is_whole_leaves_an_audit_line(
    server: Server, caller: socket.socket
) -> None:
    audit = server.home.logs / "audit-0.jsonl"
    before = audit.stat().st_size
    caller.sendall(request(server, b"1,2,3")[:-1])
    caller.shutdown(socket.SHUT_WR)
    assert caller.recv(1) == b""
    while b'"error":"ClientDisconnected"' not in audit.read_bytes()[before:]:
        pass  # the test's own limit ends a wait in vain
