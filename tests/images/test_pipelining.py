"""Invocations in a row over one connection: offered, answered in order, and not lost when a server ends."""

from __future__ import annotations

import signal
import socket

import pytest
from tests.images.container import Container, answers
from tests.images.test_model_server import _with_script

ONE = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}


def asked(row: bytes, *extra: bytes) -> bytes:
    fields = (b"Content-Type: text/csv", b"Accept: text/csv", b"Content-Length: %d" % len(row), *extra)
    return b"\r\n".join((b"POST /invocations HTTP/1.1", b"Host: x", *fields, b"", row))


def heads(data: bytes) -> list[bytes]:
    """Return the heads of answers, which all have a body of their own line or none."""
    return [part.rpartition(b"HTTP/1.1")[2] for part in data.split(b"\r\n\r\n")[:-1]]


def rest_of(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


def test_a_row_is_answered_in_its_order_whatever_is_in_it(container: Container) -> None:
    with _with_script(container).serve("plain", **ONE) as server, server.connect() as connection:
        sent: list[bytes] = []
        expected: list[tuple[int, bytes]] = []
        for number in range(600):  # more than are taken at once
            if number % 97 == 5:
                sent.append(asked(b"-1"))
                expected.append((500, b""))
            elif number % 97 == 6:
                sent.append(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
                expected.append((200, b""))
            elif number % 97 == 7:
                sent.append(asked(b"what"))
                expected.append((500, b""))
            elif number % 97 == 8:
                sent.append(asked(b"%d" % number, b"X-Amzn-SageMaker-Custom-Attributes: a"))
                expected.append((200, b"%d.0\n" % (2 * number)))
            elif number % 97 == 9:
                sent.append(asked(b"%d" % number, b"Connection: keep-alive"))
                expected.append((200, b"%d.0\n" % (2 * number)))
            else:
                sent.append(asked(b"%d" % number))
                expected.append((200, b"%d.0\n" % (2 * number)))
        whole = b"".join(sent)
        connection.sendall(whole[:1000])  # cut within a request
        connection.sendall(whole[1000:])
        told = answers(connection, len(sent))
        assert [(status, body if status == 200 else b"") for status, body in told] == expected


def test_the_first_answer_of_a_connection_says_who_answers(container: Container) -> None:
    with _with_script(container).serve("plain", **ONE) as server, server.connect() as connection:
        connection.sendall(asked(b"1") + asked(b"2") + asked(b"3", b"Connection: close"))
        first, second, third = heads(rest_of(connection))
        assert b"\r\nX-Clary-Pipeline: 0/1" in first
        assert b"X-Clary" not in second + third
        assert b"\r\nConnection: close" in third


def test_a_server_that_ends_answers_what_it_has_read_and_says_that_it_reads_no_more(
    container: Container,
) -> None:
    serve = _with_script(container).serve("plain", **ONE)
    with serve as server, server.connect() as busy, server.connect() as idle:
        idle.sendall(asked(b"1"))
        assert answers(idle, 1) == [(200, b"2.0\n")]
        busy.sendall(asked(b"1"))
        assert answers(busy, 1) == [(200, b"2.0\n")]
        busy.sendall(asked(b"-7") + b"".join(asked(b"%d" % number) for number in range(10)))
        assert server.request("GET", "/ping")[0] == 200  # whatever was sent before it has been read
        server.process.send_signal(signal.SIGTERM)
        told = rest_of(busy)
        *first, last = heads(told)
        assert len(first) == 10
        assert not any(b"Connection: close" in head for head in first)
        assert b"\r\nConnection: close" in last
        assert told.endswith(b"18.0\n")
        (notice,) = heads(rest_of(idle))
        assert b"\r\nX-Clary-Leaving: 1" in notice
    assert server.process.returncode == 0


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n", 413),
    ],
)
@pytest.mark.parametrize("between", [b"", b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_what_is_refused_is_answered_after_what_came_before_it(
    container: Container, wrong: bytes, status: int, between: bytes
) -> None:
    with _with_script(container).serve("plain", **ONE) as server, server.connect() as connection:
        connection.sendall(asked(b"-7") + asked(b"2") + between + wrong)
        assert server.request("GET", "/ping")[0] == 200  # whatever was sent before it has been read
        connection.sendall(asked(b"3"))  # which nobody answers
        assert server.request("GET", "/ping")[0] == 200
        pinged = [(200, b"")] if between else []
        *first, last = answers(connection, 3 + len(pinged))
        assert first == [(200, b"-14.0\n"), (200, b"4.0\n"), *pinged]
        assert last[0] == status
        assert connection.recv(1) == b""


@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked", b"Expect: 100-continue"])
def test_what_is_not_plain_goes_through_the_parser(container: Container, framing: bytes) -> None:
    with _with_script(container).serve("plain", **ONE) as server, server.connect() as connection:
        body = b"1\r\n4\r\n0\r\n\r\n" if b"chunked" in framing else b"4"
        head = b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nAccept: text/csv\r\n"
        length = b"" if b"chunked" in framing else b"Content-Length: 1\r\n"
        connection.sendall(asked(b"3") + head + length + framing + b"\r\n\r\n" + body)
        told = b""
        while not told.endswith(b"8.0\n"):
            piece = connection.recv(65536)
            assert piece, told
            told += piece
        assert b"6.0\n" in told
        assert (b" 100 Continue" in told) == (b"Expect" in framing)
