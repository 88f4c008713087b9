"""A connection's socket itself, for bodies so large that hops between loop, parser and application count.

A thread reads or sends as long as the other side keeps up; when it does not, the event loop waits for it and
no thread does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import Protocol, TypeVar

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

LARGE = 1 << 20
"""Bytes from which a body is worth it."""

LINE = "clary.line"
"""Under this name the application finds a request's `Line` among its extensions."""

MOST_DROPPED = 64 << 20
"""Bytes that are read past a refusal, because a client that cannot finish sending does not see the answer."""

LEAST = 512
"""Bytes a second that a body may not come slower than, on average, once the connection's patience is over."""

_TURN = 64 << 20  # Bytes moved before other work gets the thread.
_MOMENT = 5  # Milliseconds a thread waits for the other side before it leaves that to the loop.
T = TypeVar("T")


class Taking(Protocol):
    """Takes a body in."""

    def room(self) -> memoryview:
        """Return where the next bytes go, at least one."""
        ...

    def took(self, count: int) -> None:
        """Take note that so many of them are there."""
        ...


class Connected(Protocol):
    """What a line needs of the connection it is of."""

    patience: float

    @property
    def transport(self) -> asyncio.Transport:
        """Return what the connection writes to."""
        ...

    def pass_over(self) -> None:
        """Go on as if the rest of the body had come by the parser."""
        ...

    def refuse(self, status: HTTPStatus, words: str) -> None:
        """Say why, where no answer is under way, and close."""
        ...


class Left(Exception):
    """The other side is gone, or was waited for too long."""


class Line:
    """One request's way past the parser."""

    def __init__(self, connection: Connected, cycle: RequestResponseCycle) -> None:
        self._connection, self._cycle = connection, cycle

    def holds_body(self) -> bool:
        """Say whether there is much of a body of known length that is still to come."""
        cycle = self._cycle
        fields = dict(cycle.scope["headers"])
        length = fields.get(b"content-length", b"")
        return (
            length.isdigit()
            and int(length) - len(cycle.body) >= LARGE
            and b"transfer-encoding" not in fields
            and cycle.more_body
            and not cycle.disconnected
        )

    async def receive(self, sink: Taking, pool: ThreadPoolExecutor) -> None:
        """Read the body into `sink`, on threads.

        What the sink raises is raised once the rest is read and forgotten, or found too long for that.
        """
        cycle, connection = self._cycle, self._connection
        length = next(int(value) for name, value in cycle.scope["headers"] if name == b"content-length")
        cycle.flow.pause_reading()
        if cycle.waiting_for_100_continue:
            cycle.waiting_for_100_continue = False
            connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        early, cycle.body = bytes(cycle.body), bytearray()
        with self._socket() as line:
            inflow = _Inflow(line, sink, length - len(early))
            try:
                await _on_thread(pool, line, partial(inflow.put, early))
                await self._read(inflow, pool)
            except Left:
                raise
            except Exception:
                if inflow.left <= MOST_DROPPED:
                    inflow.sink = _Nowhere()
                    await self._read(inflow, pool)
                    connection.pass_over()
                raise
        connection.pass_over()

    async def _read(self, inflow: _Inflow, pool: ThreadPoolExecutor) -> None:
        loop, whole, patience = asyncio.get_running_loop(), inflow.left, self._connection.patience
        began = loop.time()
        while left := await _on_thread(pool, inflow.line, inflow.read):
            if loop.time() - began > patience + (whole - left) / LEAST:
                self._connection.refuse(HTTPStatus.REQUEST_TIMEOUT, too_slow(patience))
                raise Left
            await self._readable(inflow.line)

    async def _readable(self, line: socket.socket) -> None:
        patience = self._connection.patience
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(line, ready.set)
        try:
            async with asyncio.timeout(patience):
                await ready.wait()
        except TimeoutError as late:
            words = f"The rest of the request did not come within {patience:g} s."
            self._connection.refuse(HTTPStatus.REQUEST_TIMEOUT, words)
            raise Left from late
        finally:
            loop.remove_reader(line)

    async def send_file(self, file: int, offset: int, length: int, pool: ThreadPoolExecutor) -> bool:
        """Send a range of a file once the answer's head is out; False when it is not, and nothing is sent."""
        cycle, transport = self._cycle, self._connection.transport
        for _ in range(3):
            if not transport.get_write_buffer_size():
                break
            await asyncio.sleep(0)  # the loop writes at the end of its round
        else:
            return False
        if cycle.disconnected or transport.is_closing():
            raise Left
        at, end = offset, offset + length
        with self._socket() as line:
            while (at := await _on_thread(pool, line, partial(_send, line, file, at, end))) < end:
                await _writable(line)
        cycle.expected_content_length -= length
        return True

    @contextmanager
    def _socket(self) -> Iterator[socket.socket]:
        """Give the socket under a number of our own, which stays open whatever the transport does."""
        number = self._connection.transport.get_extra_info("socket").fileno()
        if number < 0:
            raise Left
        with socket.socket(fileno=os.dup(number)) as line:
            yield line


class _Inflow:
    """A body on its way from a socket into a sink."""

    def __init__(self, line: socket.socket, sink: Taking, left: int) -> None:
        self.line, self.sink, self.left = line, sink, left

    def put(self, data: bytes) -> None:
        """Take in what the parser had of the body already."""
        rest = memoryview(data)
        while rest:
            room = self.sink.room()[: len(rest)]
            room[:] = rest[: len(room)]
            self.sink.took(len(room))
            rest = rest[len(room) :]

    def read(self) -> int:
        """Read on until the body is whole, the sender pauses, or the turn is over; return what is left."""
        pause, stop = max(0, self.left - _TURN), select.poll()
        stop.register(self.line, select.POLLIN)
        while self.left > pause:
            room = self.sink.room()[: self.left]
            try:
                count = self.line.recv_into(room)
            except BlockingIOError:
                if not stop.poll(_MOMENT):
                    break
                continue
            except OSError as gone:
                raise Left from gone
            if not count:
                raise Left
            self.left -= count
            self.sink.took(count)
        return self.left


class _Nowhere:
    """Forgets all it takes."""

    def __init__(self) -> None:
        self._room = memoryview(bytearray(1 << 18))

    def room(self) -> memoryview:
        """Return the same bytes every time."""
        return self._room

    def took(self, count: int) -> None:
        """Forget them."""


def too_slow(patience: float) -> str:
    """Word why a body is not waited for any longer."""
    return f"The body came at less than {LEAST} bytes a second for more than {patience:g} s."


async def _on_thread(pool: ThreadPoolExecutor, line: socket.socket, work: Callable[[], T]) -> T:
    """Run a part on a thread; when cancelled, hang up and wait for it, for it uses the socket."""
    running = asyncio.get_running_loop().run_in_executor(pool, work)
    try:
        await asyncio.wait([running])
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        await asyncio.wait([running])
        raise
    return running.result()


async def _writable(line: socket.socket) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_writer(line, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(line)


def _send(line: socket.socket, file: int, at: int, end: int) -> int:
    """Send on until all is sent, the receiver pauses, or the turn is over; return how far it came."""
    pause, stop = min(end, at + _TURN), select.poll()
    stop.register(line, select.POLLOUT)
    while at < pause:
        try:
            count = os.sendfile(line.fileno(), file, at, pause - at)
        except BlockingIOError:
            if not stop.poll(_MOMENT):
                break
            continue
        except (BrokenPipeError, ConnectionError) as gone:
            raise Left from gone
        if not count:
            raise OSError("the file is shorter than its record says")
        at += count
    return at
