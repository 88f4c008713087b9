"""Requests in a row over one connection: each gets its own answer, or hears for sure that it has none."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable
from itertools import repeat
from pathlib import Path

import pytest
import uvloop
from tests.serving.test_router import Model, ok

from clary.core import unix
from clary.serving.connection import Answer, BadAnswer, HostLost, Unsent
from clary.serving.pipeline import Offer, Piped, offer

OFFERED = "X-Clary-Pipeline: 0/1 together"
LEAVING = b"HTTP/1.1 503 Bye\r\nX-Clary-Leaving: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
Outcome = bytes | type[Exception]


class Asked:
    """A request, and what came of it."""

    due = 0.0

    def __init__(self, body: bytes) -> None:
        self.head = b"POST /invocations HTTP/1.1\r\nHost: m\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.body = body
        self.ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def told(self, answer: Answer) -> None:
        self.ended.set_result(answer.body)

    def lost(self, error: HostLost | BadAnswer | TimeoutError) -> None:
        self.ended.set_result(type(error))


def run(work: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the gateway's loop
        runner.run(work)


async def piped(path: Path) -> Piped:
    """Return a host that has a pipe."""
    host = Piped("uid", path)
    hello = Asked(b"hello")
    assert (await host.ask(hello.head, hello.body, 60.0)).body == b"hello"
    while not host.post([hello], 60.0):
        await asyncio.sleep(0)
    assert await hello.ended == b"hello"
    return host


async def outcomes(host: Piped, *bodies: bytes, timeout: float = 60.0) -> list[Outcome]:
    asked = [Asked(body) for body in bodies]
    assert host.post(asked, timeout)
    found = [await each.ended for each in asked]
    assert host.load == 0
    return found


class Script:
    """A model server that offers a pipe, and on that does what it is told with each request that is read."""

    def __init__(
        self, path: Path, act: Callable[[socket.socket, bytes], bool], offers: Iterable[str] = repeat(OFFERED)
    ) -> None:
        self.read: list[bytes] = []
        self._offers = iter(offers)
        self._act = act
        self._listener = socket.socket(socket.AF_UNIX)
        with unix.address(path) as address:
            self._listener.bind(address)
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        threads = []
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                break
            threads.append(threading.Thread(target=self._serve, args=(connection,)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _serve(self, connection: socket.socket) -> None:
        offered = next(self._offers)
        with connection, connection.makefile("rb", buffering=0) as stream:
            while head := stream.readline():
                length = 0
                while (line := stream.readline()) not in (b"\r\n", b""):
                    length = int(line[15:]) if line.startswith(b"Content-Length:") else length
                body = stream.read(length) if length else b""
                assert head and body is not None
                if body == b"hello":
                    connection.sendall(ok(body, offered))
                    continue
                self.read.append(body)
                if not self._act(connection, body):
                    return


def test_each_gets_its_own_answer_in_however_many_pieces(tmp_path: Path) -> None:
    model = Model(tmp_path / "m.sock", lambda line, headers, body: ok(body * 1000, OFFERED))
    model.answer = lambda line, headers, body: ok(body if body == b"hello" else body * 5000, OFFERED)

    async def ask() -> None:
        host = await piped(model.path)
        for _ in range(3):
            bodies = [b"%d," % number for number in range(200)]
            assert await outcomes(host, *bodies) == [body * 5000 for body in bodies]
        host.close()

    run(ask())
    assert model.connections == 2
    model.close()


def test_a_slow_one_holds_up_those_behind_it_but_their_answers_stay_theirs(tmp_path: Path) -> None:
    hold = threading.Event()

    def act(connection: socket.socket, body: bytes) -> bool:
        if body == b"slow":
            hold.wait(90)
        for byte in ok(body):
            connection.send(bytes([byte]))
        return True

    server = Script(tmp_path / "m.sock", act)

    async def ask() -> None:
        host = await piped(tmp_path / "m.sock")
        first = asyncio.ensure_future(outcomes(host, b"one", b"slow", b"three"))
        await asyncio.sleep(0)
        assert host.load == 3
        hold.set()
        assert await first == [b"one", b"slow", b"three"]
        host.close()

    run(ask())
    assert server.read == [b"one", b"slow", b"three"]
    server.close()


def test_what_a_server_may_have_seen_when_it_dies_is_lost_and_not_asked_again(tmp_path: Path) -> None:
    seen = threading.Event()

    def act(connection: socket.socket, body: bytes) -> bool:
        if body == b"one":
            connection.sendall(ok(body))
        elif body == b"three":
            seen.set()
            return False
        return True

    server = Script(tmp_path / "m.sock", act)

    async def ask() -> None:
        host = await piped(tmp_path / "m.sock")
        assert await outcomes(host, b"one", b"two", b"three") == [b"one", HostLost, HostLost]
        host.close()

    run(ask())
    assert server.read == [b"one", b"two", b"three"]
    server.close()


def test_of_what_a_dying_server_had_not_read_the_last_is_known_to_be_unsent(tmp_path: Path) -> None:
    def act(connection: socket.socket, body: bytes) -> bool:
        return body != b"one"

    server = Script(tmp_path / "m.sock", act)

    async def ask() -> None:
        host = await piped(tmp_path / "m.sock")
        assert await outcomes(host, b"one", b"two", b"three") == [HostLost, HostLost, Unsent]
        host.close()

    run(ask())
    assert server.read == [b"one"]
    server.close()


class Careless(Asked):
    """A request whose caller cannot take its answer."""

    def told(self, answer: Answer) -> None:
        raise ConnectionResetError("the caller is gone")

    def lost(self, error: HostLost | BadAnswer | TimeoutError) -> None:
        raise ConnectionResetError("the caller is gone")


def test_where_an_answer_cannot_be_taken_no_other_is_asked_again_and_all_are_told(tmp_path: Path) -> None:
    def act(connection: socket.socket, body: bytes) -> bool:
        if body == b"four":
            connection.sendall(ok(b"one") + ok(b"two") + ok(b"three"))
        return True

    server = Script(tmp_path / "m.sock", act)

    async def ask() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        host = await piped(tmp_path / "m.sock")
        one, two, three, four = Asked(b"one"), Careless(b"two"), Asked(b"three"), Asked(b"four")
        assert host.post([one, two, three, four], 60.0)
        assert await one.ended == b"one"
        assert await three.ended is HostLost
        assert await four.ended is HostLost
        assert host.load == 0
        host.close()

    run(ask())
    assert server.read == [b"one", b"two", b"three", b"four"]
    server.close()


def test_one_that_cannot_be_told_of_its_loss_keeps_it_from_no_other(tmp_path: Path) -> None:
    server = Script(tmp_path / "m.sock", lambda connection, body: body != b"three")

    async def ask() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        host = await piped(tmp_path / "m.sock")
        one, two, three = Careless(b"one"), Careless(b"two"), Asked(b"three")
        assert host.post([one, two, three], 60.0)
        assert await three.ended is HostLost
        assert host.load == 0
        host.close()

    run(ask())
    server.close()


@pytest.mark.parametrize("words", [ok(b"one", "Connection: close"), ok(b"one") + LEAVING])
def test_what_a_server_that_leaves_did_not_answer_is_unsent(tmp_path: Path, words: bytes) -> None:
    def act(connection: socket.socket, body: bytes) -> bool:
        connection.sendall(words)
        return False

    server = Script(tmp_path / "m.sock", act)

    async def ask() -> None:
        host = await piped(tmp_path / "m.sock")
        assert await outcomes(host, b"one", b"two", b"three") == [b"one", Unsent, Unsent]
        assert not host.post([Asked(b"four")], 1.0)
        host.close()

    run(ask())
    server.close()


def test_one_that_is_late_is_given_up_alone_and_its_answer_is_nobody_s(tmp_path: Path) -> None:
    late = threading.Event()

    def act(connection: socket.socket, body: bytes) -> bool:
        if body == b"late":
            late.wait(90)
        connection.sendall(ok(body))
        return True

    server = Script(tmp_path / "m.sock", act)

    async def ask() -> None:
        host = await piped(tmp_path / "m.sock")
        asked, behind = Asked(b"late"), Asked(b"behind")
        assert host.post([asked], 0.05)
        assert host.post([behind], 60.0)
        assert await asked.ended is TimeoutError
        assert not host.post([Asked(b"no")], 60.0)  # whoever comes now is not put behind it
        late.set()
        assert await behind.ended == b"behind"
        assert host.load == 0
        host.close()

    run(ask())
    server.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000,
        b"what\r\n\r\n",
    ],
)
def test_an_answer_that_is_none_is_told_to_the_one_it_was_for(tmp_path: Path, answer: bytes) -> None:
    def act(connection: socket.socket, body: bytes) -> bool:
        if body == b"three":
            connection.sendall(ok(b"one") + answer)
        return True

    server = Script(tmp_path / "m.sock", act)

    async def ask() -> None:
        host = await piped(tmp_path / "m.sock")
        assert await outcomes(host, b"one", b"two", b"three") == [b"one", BadAnswer, HostLost]
        host.close()

    run(ask())
    server.close()


def test_an_answer_that_nobody_asked_for_is_nobody_s(tmp_path: Path) -> None:
    def act(connection: socket.socket, body: bytes) -> bool:
        connection.sendall(ok(body) + (ok(b"more") if body == b"one" else b""))
        return True

    server = Script(tmp_path / "m.sock", act)

    async def ask() -> None:
        host = await piped(tmp_path / "m.sock")
        assert await outcomes(host, b"one") == [b"one"]
        next_one = Asked(b"two")
        while not host.post([next_one], 60.0):
            await asyncio.sleep(0)
        assert await next_one.ended in (b"two", HostLost, Unsent)
        host.close()

    run(ask())
    server.close()


def test_each_worker_gets_a_pipe_and_what_is_asked_one_by_one_goes_to_the_free_one(tmp_path: Path) -> None:
    hold = threading.Event()

    def act(connection: socket.socket, body: bytes) -> bool:
        if body == b"long":
            hold.wait(90)
        connection.sendall(ok(body))
        return True

    workers = [f"X-Clary-Pipeline: {worker}/2" for worker in (0, 0, 0, 1)]  # by chance, the same one thrice
    server = Script(tmp_path / "m.sock", act, workers)

    async def ask() -> None:
        host = await piped(tmp_path / "m.sock")
        slots: set[int] = set()
        while slots != {0, 1}:  # a pipe is opened where there is more to do than one worker can
            assert await outcomes(host, b"hello", b"hello", b"hello") == [b"hello"] * 3
            slots = {pipe.offer.worker for pipe in host._pipes if pipe.offer}
        assert len(host._pipes) == 2
        long = Asked(b"long")
        assert host.post([long], 60.0)
        for _ in range(5):
            quick = Asked(b"quick")
            assert host.post([quick], 60.0)
            assert await quick.ended == b"quick"
        hold.set()
        assert await long.ended == b"long"
        host.close()

    run(ask())
    server.close()


def test_an_offer_is_read() -> None:
    assert offer({b"x-clary-pipeline": b"1/4 together"}) == Offer(1, 4, True)
    assert offer({b"x-clary-pipeline": b"0/1"}) == Offer(0, 1, False)
    assert offer({b"x-clary-pipeline": b"yes"}) is None
    assert offer({}) is None
