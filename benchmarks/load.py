"""A load generator that costs next to nothing: ready-made bytes over N keep-alive connections, one thread."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """What one round measured: requests a second, and each request's seconds."""

    rate: float
    seconds: list[float]


class _Caller:
    def __init__(self, address: tuple[str, int], requests: Iterator[bytes]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests = requests
        self.begun = 0.0
        self.answer = b""

    def ask(self) -> None:
        self.answer = b""
        self.begun = time.perf_counter()
        self.socket.sendall(next(self.requests))

    def answered(self) -> bool:
        """Read what is there; True once the answer is whole. Anything but 200 is an error."""
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionError(f"the server hung up after {self.answer[:300]!r}")
        self.answer += received
        head, separator, body = self.answer.partition(b"\r\n\r\n")
        if not separator:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(self.answer[:600].decode(errors="replace"))
        length = _LENGTH.search(head)
        if length is None:
            raise RuntimeError("the answer has no Content-Length")
        return len(body) >= int(length[1])


def drive(port: int, request: bytes | Sequence[bytes], *, callers: int, seconds: float) -> Load:
    """Send `request`, or several in turn, over `callers` connections, one at a time each, for `seconds`."""
    selector = selectors.DefaultSelector()
    requests = cycle([request] if isinstance(request, bytes) else request)
    connections = [_Caller(("127.0.0.1", port), requests) for _ in range(callers)]
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.ask()
    taken: list[float] = []
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        for key, _ in selector.select(1):
            caller: _Caller = key.data
            if caller.answered():
                taken.append(time.perf_counter() - caller.begun)
                caller.ask()
    rate = len(taken) / (time.perf_counter() - begun)
    for connection in connections:
        connection.socket.close()
    return Load(rate, taken)


def request_bytes(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return a request as it goes over the line."""
    fields = {**headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
