"""What the peers are asked and how their answers are read, and the load generator that asks."""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import suppress

import pytest
from benchmarks.contestants import PEER_LIST, number, v2_binary, v2_float, v2_json, v2_number
from benchmarks.load import drive, pace, request_bytes

ROW = "1,2.5,-3"


def test_a_row_goes_as_json_or_as_floats_of_the_open_inference_protocol() -> None:
    body, _ = v2_json(ROW)
    (given,) = json.loads(body)["inputs"]
    assert (given["shape"], given["data"]) == ([1, 3], [1, 2.5, -3])
    body, headers = v2_binary(ROW)
    head = int(headers["Inference-Header-Content-Length"])
    assert json.loads(body[:head])["inputs"][0]["parameters"] == {"binary_data_size": 12}
    assert struct.unpack("<3f", body[head:]) == (1, 2.5, -3)


def test_answers_are_read_in_every_form() -> None:
    assert number(b'"0.25"\n') == number(b"[0.25]") == 0.25
    assert v2_number(b'{"outputs":[{"data":[0.25]}]}') == 0.25
    assert v2_float(b'{"outputs":[]}' + struct.pack("<f", 0.25)) == 0.25


def test_every_peer_names_its_model_where_it_is_asked() -> None:
    for peer in PEER_LIST:
        assert all("{model}" in asked.path for asked in peer.settings.values()), peer.name


class Echo:
    """A server that answers each request with its body, in two pieces, until its callers go."""

    def __init__(self, head: bytes = b"HTTP/1.1 200 OK") -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.head = head
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            while asked := line.recv(65536):
                body = asked.partition(b"\r\n\r\n")[2]
                line.sendall(self.head + b"\r\nContent-Length: %d\r\n\r\n" % len(body))
                line.sendall(body)


def test_the_generator_gives_each_answer_back_with_its_request() -> None:
    server = Echo()
    asked = [request_bytes("POST", "/", {}, str(each).encode()) for each in range(10)]
    seen: set[bytes] = set()

    def check(request: bytes, body: bytes) -> None:
        assert request.endswith(b"\r\n\r\n" + body)
        seen.add(body)

    while len(seen) < len(asked):
        load = drive(server.port, asked, callers=4, seconds=0.05, check=check)
        assert len(load.seconds) > 0 and load.rate > 0
    server.listener.close()


def test_the_generator_takes_nothing_but_200() -> None:
    server = Echo(b"HTTP/1.1 503 Busy")
    with pytest.raises(RuntimeError, match="503 Busy"):
        drive(server.port, request_bytes("POST", "/", {}, b"x"), callers=1, seconds=5)
    server.listener.close()


def test_paced_streams_are_asked_at_their_rates_however_slow_the_machine() -> None:
    server = Echo()
    often, seldom = ([request_bytes("POST", "/", {}, body)] for body in (b"often", b"seldom"))
    loads = pace(server.port, [(often, 200.0), (seldom, 20.0)], callers=4, seconds=0.5)
    assert [len(load.seconds) for load in loads] == [100, 10]
    server.listener.close()
