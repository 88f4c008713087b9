"""A model server's connection gives up when it said it would, and serves the next call on the same line."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from pathlib import Path

import pytest
import uvloop
from tests.serving.test_router import Model, ok

from clary.core import unix
from clary.serving.connection import Host, HostLost, Unsent


def test_an_answer_that_does_not_come_in_time_is_given_up_and_the_next_call_is_not(tmp_path: Path) -> None:
    hold = threading.Event()

    def answer(line: str, headers: dict[str, str], body: bytes) -> bytes:
        if body == b"slow":
            hold.wait(90)
            return b""
        return ok(body)

    model = Model(tmp_path / "m.sock", answer)

    async def ask() -> None:
        host = Host("uid", model.path)
        for body, patience in ((b"first", 600.0), (b"second", 60.0), (b"third", 60.0)):
            told = await host.ask(_head(body), body, patience)
            assert told.body == body
        with pytest.raises(TimeoutError):
            await host.ask(_head(b"slow"), b"slow", 0.2)
        assert host.load == 0
        hold.set()
        assert (await host.ask(_head(b"last"), b"last", 60.0)).body == b"last"
        host.close()

    asyncio.run(ask())
    assert model.connections == 2
    model.close()


def test_a_server_whose_queue_of_connections_is_full_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "busy.sock"
    listener, clients = socket.socket(socket.AF_UNIX), list[socket.socket]()
    with unix.address(path) as address:
        listener.bind(address)
        listener.listen(0)
        with pytest.raises(BlockingIOError):
            while True:
                clients.append(socket.socket(socket.AF_UNIX))
                clients[-1].setblocking(False)
                clients[-1].connect(address)

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if connection.recv(1000):
                    connection.sendall(ok(b"at last"))
                    return

    async def ask() -> None:
        host = Host("uid", path)
        asking = asyncio.ensure_future(host.ask(_head(b""), b"", 60.0))
        done, _ = await asyncio.wait([asking], timeout=0.05)
        assert not done
        for client in clients:
            client.close()
        server.start()
        assert (await asking).body == b"at last"
        host.close()

    server = threading.Thread(target=serve)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the gateway's loop
        runner.run(ask())
    server.join()
    listener.close()


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("read", [0, 40, 1000])
def test_a_server_that_ends_over_a_request_was_asked_only_if_it_had_read_it_to_the_end(
    tmp_path: Path, kept: bool, read: int
) -> None:
    path = tmp_path / "m.sock"
    listener = socket.socket(socket.AF_UNIX)
    with unix.address(path) as address:
        listener.bind(address)
    listener.listen()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            if kept:
                assert connection.recv(1000)
                connection.sendall(ok(b"first"))
            select.select([connection], [], [])
            if read:
                connection.recv(read)
            listener.close()

    async def ask() -> None:
        host = Host("uid", path)
        if kept:
            assert (await host.ask(_head(b"x"), b"x", 60.0)).body == b"first"
        with pytest.raises(HostLost) as lost:
            await host.ask(_head(b"x" * 100), b"x" * 100, 60.0)
        # One that was closed unread is replaced, and its successor refused: also then nobody was asked.
        assert isinstance(lost.value, Unsent) == (read < 1000)

    server = threading.Thread(target=serve)
    server.start()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask())
    server.join()


def test_a_server_that_says_it_leaves_is_asked_anew(tmp_path: Path) -> None:
    leaving = b"HTTP/1.1 503 Bye\r\nX-Clary-Leaving: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    told = iter((ok(b"first"), leaving, ok(b"again")))
    model = Model(tmp_path / "m.sock", lambda *_: next(told))

    async def ask() -> None:
        host = Host("uid", model.path)
        assert (await host.ask(_head(b"x"), b"x", 60.0)).body == b"first"
        assert (await host.ask(_head(b"y"), b"y", 60.0)).body == b"again"
        host.close()

    asyncio.run(ask())
    assert model.connections == 2
    model.close()


def _head(body: bytes) -> bytes:
    return b"POST /invocations HTTP/1.1\r\nHost: m\r\nContent-Length: %d\r\n\r\n" % len(body)
