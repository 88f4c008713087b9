"""Large bodies go past the parser, and nobody can tell: order, pauses, refusals, the next request."""

from __future__ import annotations

import hashlib
import os
import socket
from typing import TYPE_CHECKING

import pytest
from tests.gateway.test_garbage import hasty
from tests.gateway.test_upload import BUCKET, signed_head, staged

if TYPE_CHECKING:
    from tests.conftest import Server

LARGE = os.urandom(1 << 20) * 5 + b"tail"
ETAG = hashlib.md5(LARGE, usedforsecurity=False).hexdigest().encode()
SHA256 = hashlib.sha256(LARGE).hexdigest()
LENGTH = {"Content-Length": str(len(LARGE))}


def answers(connection: socket.socket, count: int) -> bytes:
    """Return what comes until so many answers to PutObject, or the end."""
    received = b""
    while received.count(b"\r\n\r\n") < count and (piece := connection.recv(65536)):
        received += piece
    return received


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=90)


@pytest.mark.parametrize("size", [1, 999, 65537, 1 << 20])
def test_a_body_may_come_in_pieces_of_any_size(server: Server, size: int) -> None:
    body = LARGE if size > 1 else LARGE[: (1 << 20) + 1]
    head = signed_head(
        server, "pieces", hashlib.sha256(body).hexdigest(), **{"Content-Length": str(len(body))}
    )
    with connected(server) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(head)
        at = 0
        while at < len(body):
            piece = size if at < 50 * size else len(body)
            line.sendall(body[at : at + piece])
            at += piece
        assert answers(line, 1).startswith(b"HTTP/1.1 200")
    got = server.client("s3").get_object(Bucket=BUCKET, Key="pieces")
    assert got["Body"].read() == body
    assert staged(server) == []


def test_requests_sent_without_waiting_are_answered_in_order(server: Server) -> None:
    large = signed_head(server, "piped", SHA256, **LENGTH) + LARGE
    small = signed_head(server, "piped-2", hashlib.sha256(b"x").hexdigest(), **{"Content-Length": "1"}) + b"x"
    with connected(server) as line:
        line.sendall(large + small + large)
        first, second, third = answers(line, 3).split(b"HTTP/1.1 ")[1:]
    assert [each[:3] for each in (first, second, third)] == [b"200"] * 3
    assert [ETAG in each for each in (first, second, third)] == [True, False, True]


def test_a_body_other_than_the_signed_one_is_refused_and_the_connection_goes_on(server: Server) -> None:
    head = signed_head(server, "forged-large", hashlib.sha256(b"right").hexdigest(), **LENGTH)
    with connected(server) as line:
        line.sendall(head + LARGE)
        refusal = b""
        while not refusal.endswith(b"</Error>"):
            refusal += line.recv(65536)
        line.sendall(signed_head(server, "forged-large", SHA256, **LENGTH) + LARGE)
        answer = answers(line, 1)
    assert refusal.startswith(b"HTTP/1.1 400")
    assert b"XAmzContentSHA256Mismatch" in refusal
    assert answer.startswith(b"HTTP/1.1 200")
    assert staged(server) == []


def test_chunks_that_do_not_add_up_are_refused_and_the_connection_goes_on(server: Server) -> None:
    chunked = {"x-amz-decoded-content-length": str(len(LARGE)), "Content-Encoding": "aws-chunked"}
    mode = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    head = signed_head(server, "chunks", mode, **chunked, **LENGTH)
    with connected(server) as line:
        line.sendall(head + b"nonsense" + LARGE[8:])
        refusal = b""
        while not refusal.endswith(b"</Error>"):
            refusal += line.recv(65536)
        line.sendall(signed_head(server, "chunks", SHA256, **LENGTH) + LARGE)
        answer = answers(line, 1)
    assert refusal.startswith(b"HTTP/1.1 400")
    assert b"IncompleteBody" in refusal
    assert answer.startswith(b"HTTP/1.1 200")
    assert staged(server) == []


def test_a_sender_that_falls_silent_is_not_waited_for(server: Server) -> None:
    with hasty(server, 0.3) as port:
        head = signed_head(server, "silent", "UNSIGNED-PAYLOAD", **LENGTH)
        with socket.create_connection(("127.0.0.1", port), timeout=90) as line:
            line.sendall(head + LARGE[: 1 << 20])
            answer = answers(line, 2)
    assert answer.startswith(b"HTTP/1.1 408")
    assert staged(server) == []


def test_a_receiver_that_is_slow_at_first_gets_all_of_it(server: Server) -> None:
    server.client("s3").put_object(Bucket=BUCKET, Key="slow", Body=LARGE * 4)
    address = server.client("s3").generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "slow"})
    ask = f"GET {address.partition(str(server.port))[2]} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
    with connected(server) as line:
        line.sendall(ask.encode() * 2)
        received = bytearray()
        for _ in range(2000):
            received += line.recv(1000)
        while len(received) < 8 * len(LARGE) or not received.endswith(LARGE[-100:]):
            received += line.recv(1 << 20)
    first, second = received.split(b"HTTP/1.1 200")[1:]
    assert first.partition(b"\r\n\r\n")[2] == second.partition(b"\r\n\r\n")[2] == LARGE * 4
