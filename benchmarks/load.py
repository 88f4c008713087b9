"""A load generator that costs next to nothing: ready-made bytes over N keep-alive connections, one thread."""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CHUNK = 1 << 16
_PATIENCE = 60  # seconds without any answer
Check = Callable[[bytes, bytes], None]
"""Told a request and the body of its answer; it raises when they do not belong together."""


@dataclass(frozen=True)
class Load:
    """What one round measured: requests a second, each request's seconds, the generator's own CPU seconds."""

    rate: float
    seconds: list[float]
    cpu: float = 0.0


class _Caller:
    """One connection with one request under way at most."""

    __slots__ = ("answer", "begun", "check", "request", "socket")

    def __init__(self, port: int, check: Check | None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.check = check
        self.request = b""
        self.begun = 0.0
        self.answer = b""

    def ask(self, request: bytes) -> None:
        self.answer = b""
        self.request = request
        self.begun = time.perf_counter()
        self.socket.sendall(request)

    def answered(self) -> bool:
        """Read what is there; True once the answer is whole. Anything but 200 is an error."""
        received = self.socket.recv(_CHUNK)
        if not received:
            raise ConnectionError(f"the server hung up after {self.answer[:300]!r}")
        answer = self.answer = self.answer + received if self.answer else received
        end = answer.find(b"\r\n\r\n")
        if end < 0:
            return False
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer[:600].decode(errors="replace"))
        length = _LENGTH.search(answer, 0, end + 2)
        if length is None:
            raise RuntimeError("the answer has no Content-Length")
        if len(answer) - end - 4 < int(length[1]):
            return False
        if self.check:
            self.check(self.request, answer[end + 4 :])
        return True


def drive(
    port: int,
    request: bytes | Sequence[bytes],
    *,
    callers: int,
    seconds: float,
    check: Check | None = None,
) -> Load:
    """Send `request`, or several in turn, over `callers` connections, one at a time each, for `seconds`."""
    requests = cycle([request] if isinstance(request, bytes) else request)
    connections = {
        caller.socket.fileno(): caller for caller in (_Caller(port, check) for _ in range(callers))
    }
    taken: list[float] = []
    with select.epoll(callers) as poll:
        for number in connections:
            poll.register(number, select.EPOLLIN)
        cpu, begun = time.process_time(), time.perf_counter()
        for caller in connections.values():
            caller.ask(next(requests))
        now, until = begun, begun + seconds
        while now < until:
            ready = poll.poll(_PATIENCE)
            if not ready:
                raise TimeoutError(f"no answer within {_PATIENCE} s")
            for number, _ in ready:
                caller = connections[number]
                if caller.answered():
                    now = time.perf_counter()
                    taken.append(now - caller.begun)
                    caller.ask(next(requests))
        rate = len(taken) / (now - begun)
        cpu = time.process_time() - cpu
    for caller in connections.values():
        caller.socket.close()
    return Load(rate, taken, cpu)


def pace(
    port: int, streams: Sequence[tuple[Sequence[bytes], float]], *, callers: int, seconds: float
) -> list[Load]:
    """Send each stream's requests in turn at its rate, whatever the answers take, for `seconds`.

    A request's time begins when it was due. The streams share `callers` connections; a request that is due
    while all are busy waits for the first that is free, and none is left out.
    """
    idle = [_Caller(port, None) for _ in range(callers)]
    every = {caller.socket.fileno(): caller for caller in idle}
    asked: dict[int, int] = {}
    turns: list[Iterator[bytes]] = [cycle(requests) for requests, _ in streams]
    taken: list[list[float]] = [[] for _ in streams]
    with select.epoll(callers) as poll:
        for number in every:
            poll.register(number, select.EPOLLIN)
        cpu, begun = time.process_time(), time.perf_counter()
        sent, end = [0] * len(streams), begun + seconds
        due = [begun] * len(streams)
        while min(due) < end or asked:
            first = min(range(len(streams)), key=due.__getitem__)
            now = time.perf_counter()
            if idle and due[first] <= now and due[first] < end:
                caller = idle.pop()
                caller.ask(next(turns[first]))
                caller.begun = due[first]
                asked[caller.socket.fileno()] = first
                sent[first] += 1
                due[first] = begun + sent[first] / streams[first][1]
                continue
            wait = max(0.0, due[first] - now) if idle and due[first] < end else _PATIENCE
            for number, _ in poll.poll(wait):
                caller = every[number]
                if caller.answered():
                    taken[asked.pop(number)].append(time.perf_counter() - caller.begun)
                    idle.append(caller)
        cpu, passed = time.process_time() - cpu, time.perf_counter() - begun
    for caller in every.values():
        caller.socket.close()
    return [Load(len(times) / passed, times, cpu) for times in taken]


def request_bytes(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return a request as it goes over the line."""
    fields = {**headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
