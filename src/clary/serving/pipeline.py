"""Requests in a row over one connection to a model server that says it takes them so.

All that one turn of the event loop brings goes out in one write and is read by the server at once, so it can
be predicted at once; answers come back in the same order. A request that the server may have seen is never
sent again: as a rule, only after an answer that says `Connection: close`, or a notice that the server leaves,
is it certain that it went no further.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from clary.core import unix
from clary.core.limits import LIFTED
from clary.serving.connection import (
    LEAVING,
    MOST_HEAD,
    MOST_VALUE,
    Answer,
    BadAnswer,
    Host,
    HostLost,
    Order,
    Unsent,
)
from clary.serving.stream import Stream

OFFER = b"x-clary-pipeline"
"""A server's word that it takes requests in a row: `worker/workers`, and `together` if it predicts so."""

_MOST_HEADS = 256
_STATUS = re.compile(rb"HTTP/1\.1 ([2-5][0-9]{2}) ")
_OFFER = re.compile(rb"(\d{1,5})/(\d{1,5})( together)?")
_log = logging.getLogger(__name__)


class Offer(NamedTuple):
    """What a server says of itself."""

    worker: int
    workers: int
    together: bool


class Head(NamedTuple):
    """The head of an answer."""

    status: int
    headers: dict[bytes, bytes]
    length: int
    last: bool


def offer(headers: dict[bytes, bytes]) -> Offer | None:
    """Return what an answer offers."""
    match = _OFFER.fullmatch(headers.get(OFFER, b""))
    return Offer(int(match[1]), int(match[2]), bool(match[3])) if match else None


class Pipe(asyncio.Protocol):
    """One connection, whose server answers in the order of the requests."""

    def __init__(self, host: Piped) -> None:
        self.waiting: deque[Order | None] = deque()  # None: given up, but its answer is still to come
        self.offer: Offer | None = None
        self._host, self._most = host, host.most
        self.open = True
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._watch: asyncio.TimerHandle | None = None
        self._heads: dict[bytes, Head] = {}
        self._pieces: list[bytes] = []
        self._size = self._need = 0
        self._reading = False

    def send(self, orders: Sequence[Order], timeout: float) -> None:
        """Send requests, which are answered in their order, or given up after `timeout` seconds."""
        due = self._loop.time() + timeout
        parts: list[bytes] = []
        for order in orders:
            order.due = due
            parts += (order.head, order.body)
        self.waiting.extend(orders)
        self._transport.write(b"".join(parts))
        if self._watch is None or self._watch.when() > due:
            self._look_at(due)

    def close(self) -> None:
        """Take no more, and close once all is answered."""
        self._leave()
        if not any(self.waiting):
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = transport  # type: ignore[assignment]  # asyncio types it too wide

    def data_received(self, data: bytes) -> None:
        """Hand out every answer that is whole."""
        if self._pieces:
            self._pieces.append(data)
            self._size += len(data)
            if self._size < self._need:
                return
            data, self._pieces = b"".join(self._pieces), []
        self._reading = True  # it stays so, and the loop ends the connection, where taking an answer fails
        try:
            rest = self._answers(data)
        except BadAnswer as bad:
            self._break(bad)
            return
        self._reading = False
        if rest:
            self._pieces, self._size = [rest], len(rest)
        elif not self.open and not any(self.waiting):
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait; nobody knows how far their requests came.

        But where the server had not read all there was, it had not read all of the last one: see `Unsent`.
        That holds only if it is the server's end, not ours, that broke.
        """
        if self._watch is not None:
            self._watch.cancel()
        self._leave()
        answering = bool(self._pieces)  # the first one was read if a part of its answer is there
        reset = isinstance(exc, ConnectionError) and not self._reading
        unread = reset and len(self.waiting) > answering
        last = self.waiting.pop() if unread else None
        self._lose(HostLost("the model server closed the connection without a complete answer"))
        if last is not None:
            words = "the model server closed the connection before it had read the request"
            self._end(last, Unsent(words))

    def _answers(self, data: bytes) -> bytes:
        """Hand out whole answers; return the rest."""
        at, size = 0, len(data)
        while at < size:
            begin = data.find(b"\r\n\r\n", at) + 4
            if begin < 4:
                self._need = 0
                if size - at > MOST_HEAD:
                    raise BadAnswer(f"The headers of the container's answer exceed {MOST_HEAD} bytes.")
                return data[at:]
            raw = data[at:begin]
            head = self._heads.get(raw) or self._read(raw)
            end = begin + head.length
            if end > size:
                self._need = end - at
                return data[at:]
            at = end
            if LEAVING in head.headers:
                self._go()
                return b""
            if not self.waiting:
                raise BadAnswer("The container answered what nobody asked.")
            order = self.waiting.popleft()
            if order is not None:
                self._host.ended(order, Answer(head.status, head.headers, data[begin:end]))
            if head.last:
                self._go()
                return b""
        return b""

    def _read(self, raw: bytes) -> Head:
        first, *lines = raw[:-4].split(b"\r\n")
        status = _STATUS.match(first)
        headers: dict[bytes, bytes] = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
            if len(value) > MOST_VALUE:
                raise BadAnswer(
                    f"The header {name[:100].decode('latin-1')} of the container's answer has {len(value)} "
                    f"bytes; at most {MOST_VALUE} are passed on."
                )
        length = headers.get(b"content-length", b"")
        if status is None or not length.isdigit() or b"transfer-encoding" in headers:
            raise BadAnswer("The container's answer is not HTTP/1.1 of a known length.")
        if int(length) > self._most:
            raise BadAnswer(
                f"The container's answer is longer than {self._most} bytes, the most that a call returns. "
                "Let the model answer less at a time; an asynchronous endpoint puts its answers into S3."
            )
        if OFFER in headers:
            self.offer = offer(headers)
            self._host.offered(self)
        head = Head(int(status[1]), headers, int(length), headers.get(b"connection", b"").lower() == b"close")
        if len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
        self._heads[raw] = head
        return head

    def _look_at(self, due: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        """Give up on answers that are due; they keep their place, for those behind them are on their way."""
        self._watch, now = None, self._loop.time()
        for place in range(len(self.waiting)):
            order = self.waiting[place]
            if order is None:
                continue
            if order.due > now:
                self._look_at(order.due)
                return
            self.waiting[place] = None
            self._leave()
            self._end(order, TimeoutError())
        if not self.open and not any(self.waiting):
            self._transport.close()

    def _go(self) -> None:
        """The server takes no more on this connection, and has not taken what it did not answer."""
        self._transport.close()
        self._leave()
        self._lose(Unsent("the model server leaves"))

    def _break(self, bad: BadAnswer) -> None:
        """Give up a connection that is out of step: the first one's answer is bad, the others' are lost."""
        self._transport.close()
        self._leave()
        first = self.waiting.popleft() if self.waiting else None
        if first is not None:
            self._end(first, bad)
        self._lose(HostLost("the answer before this one was broken"))

    def _leave(self) -> None:
        if self.open:
            self.open = False
            self._host.left(self)

    def _lose(self, error: HostLost) -> None:
        while self.waiting:
            order = self.waiting.popleft()
            if order is not None:
                self._end(order, error)

    def _end(self, order: Order, error: HostLost | BadAnswer | TimeoutError) -> None:
        """Tell one, in a turn of its own: should that fail, all others are told nevertheless."""
        self._loop.call_soon(self._host.ended, order, error)


class Piped(Host):
    """A model server that is asked over pipes once it has offered that: as a rule one for each worker."""

    def __init__(self, uid: str, socket: Path, most: int = LIFTED.prediction_bytes) -> None:
        super().__init__(uid, socket, most)
        self._offer: Offer | None = None
        self._pipes: list[Pipe] = []
        self._opening: asyncio.Task[None] | None = None
        self._surplus = 0

    async def ask(self, head: bytes, body: bytes, timeout: float, stream: Stream | None = None) -> Answer:
        """Send one request over a connection of its own, and hear what the server offers."""
        answer = await super().ask(head, body, timeout, stream)
        if OFFER in answer.headers and self._offer is None:
            self._offer = offer(answer.headers)
            self._widen()
        return answer

    def post(self, orders: Sequence[Order], timeout: float) -> bool:
        """Send requests over the pipes; False, and nothing is done, where there is none just now."""
        if self._offer is None:
            return False
        if not self._pipes:
            self._widen()
            return False
        self.load += len(orders)
        if self._offer.together:
            pipe = min(self._pipes, key=_waiting)
            busy = bool(pipe.waiting)
            pipe.send(orders, timeout)
        else:
            busy = False
            for order in orders:
                pipe = min(self._pipes, key=_waiting)
                busy = busy or bool(pipe.waiting)
                pipe.send([order], timeout)
        if busy:
            self._widen()
        return True

    def close(self) -> None:
        """Drop the idle connections, and the pipes once all is answered."""
        super().close()
        self._offer = None
        for pipe in [*self._pipes]:
            pipe.close()

    def offered(self, pipe: Pipe) -> None:
        """Close a pipe to a worker that has one already, unless that happens all the time."""
        self._offer = pipe.offer
        same = [each for each in self._pipes if each.offer and pipe.offer and each.offer[0] == pipe.offer[0]]
        if len(same) > 1 and self._offer and self._surplus < 4 * self._offer.workers:
            self._surplus += 1
            pipe.close()

    def left(self, pipe: Pipe) -> None:
        """Use a pipe no more."""
        if pipe in self._pipes:
            self._pipes.remove(pipe)

    def ended(self, order: Order, outcome: Answer | HostLost | BadAnswer | TimeoutError) -> None:
        """Count a request that is over, and hand out its outcome."""
        self.load -= 1
        if isinstance(outcome, Answer):
            order.told(outcome)
        else:
            order.lost(outcome)

    def _widen(self) -> None:
        """Open another pipe, unless there are enough."""
        if self._offer and len(self._pipes) < self._offer.workers and self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._connect_pipe())

    async def _connect_pipe(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            with unix.address(self.socket) as address:
                _, pipe = await loop.create_unix_connection(lambda: Pipe(self), address)
            if self._offer is None:
                pipe.close()
            elif pipe.open:
                self._pipes.append(pipe)
        except OSError as error:
            _log.info("no pipe to the model server at %s just now: %s", self.socket, error)
        finally:
            self._opening = None


def _waiting(pipe: Pipe) -> int:
    return len(pipe.waiting)
