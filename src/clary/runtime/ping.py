"""Asks a server whether it is ready and, once it was, whether it still is."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from clary.runtime.wake import short

_FIRST, _SLOWEST = 0.01, 0.25  # seconds between two tries
_EVERY = 5.0  # seconds between two tries once it was ready
UNHEALTHY = 3
"""Bad answers in a row after which a server is not asked any more, where there is another."""

LOST = 12
"""Bad answers in a row after which a server is ended."""

_ANSWER = 2.0  # seconds a server has for its answer, as on AWS
_REQUEST = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_NOBODY = "nobody listens on the unix socket that SAGEMAKER_BIND_TO_SOCKET names"


class Ping:
    """GET /ping over a unix socket, more patiently each time."""

    def __init__(self, path: Path) -> None:
        self.answered = False
        self.silent = False  # there was no answer in time: it may be busy
        self.heard = _NOBODY
        self._path = path
        self._pause = _FIRST
        self._next = time.monotonic() + _FIRST

    def patience(self) -> float:
        """Return the seconds until the next try."""
        return self._next - time.monotonic()

    def due(self) -> bool:
        """Tell whether it is time for a try."""
        return time.monotonic() >= self._next

    def try_once(self) -> bool:
        """Ask; tell whether the answer was 200."""
        good = self._ask()
        self.answered = self.answered or good
        self._pause = min(self._pause * 1.3, _SLOWEST)
        self._next = time.monotonic() + (_EVERY if self.answered else self._pause)
        return good

    def _ask(self) -> bool:
        self.silent = False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
                caller.settimeout(_ANSWER)
                with short(self._path) as name:
                    caller.connect(name)
                caller.sendall(_REQUEST)
                head = b""
                while b"\r\n" not in head and (piece := caller.recv(4096)):
                    head += piece
        except (TimeoutError, BlockingIOError):  # the latter while too many others wait to be let in
            self.silent = True
            self.heard = f"it takes connections and has no answer within {_ANSWER:g} s"
            return False
        except OSError:
            self.heard = _NOBODY
            return False
        line = head.split(b"\r\n")[0]
        told = line[:80].decode("ascii", "replace").partition(" ")[2]
        self.heard = f"it answers {told}" if told else "it closes the connection without an answer"
        return line.split(b" ")[1:2] == [b"200"]


class Health:
    """What the answers of a server that was ready add up to. evidence/endpoint-health.md"""

    def __init__(self, longest_call: float) -> None:
        self._longest = longest_call
        self._bad = 0  # answers in a row that say that it is not well
        self._good_at = time.monotonic()

    def take(self, ping: Ping, good: bool) -> str:
        """Return `ready`, `unhealthy` when it is not to be asked, or `lost` when it is to be ended.

        One that is silent may be busy, for as long as a call may take.
        """
        if good:
            self._bad, self._good_at = 0, time.monotonic()
            return "ready"
        if ping.silent:
            return "lost" if self.seconds() > self._longest + _EVERY else ""
        self._bad += 1
        if self._bad < UNHEALTHY:
            return ""
        return "unhealthy" if self._bad < LOST else "lost"

    def seconds(self) -> float:
        """Return how long ago it was well."""
        return time.monotonic() - self._good_at
