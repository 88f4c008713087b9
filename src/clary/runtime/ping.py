"""Asks a starting server whether it is ready."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from clary.runtime.wake import short

_FIRST, _SLOWEST = 0.01, 0.25  # seconds between two tries
_ANSWER = 2.0  # seconds a server has for its answer, as on AWS
_REQUEST = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Ping:
    """GET /ping over a unix socket, more patiently each time."""

    def __init__(self, path: Path) -> None:
        self.answered = False
        self.heard = "nobody listens on the unix socket that SAGEMAKER_BIND_TO_SOCKET names"
        self._path = path
        self._pause = _FIRST
        self._next = time.monotonic() + _FIRST

    def patience(self) -> float:
        """Return the seconds until the next try."""
        return 3600.0 if self.answered else self._next - time.monotonic()

    def due(self) -> bool:
        """Tell whether it is time for a try."""
        return time.monotonic() >= self._next

    def try_once(self) -> bool:
        """Ask; tell whether the answer was 200."""
        self.answered = self._ask()
        self._pause = min(self._pause * 1.3, _SLOWEST)
        self._next = time.monotonic() + self._pause
        return self.answered

    def _ask(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
                caller.settimeout(_ANSWER)
                with short(self._path) as name:
                    caller.connect(name)
                caller.sendall(_REQUEST)
                head = b""
                while b"\r\n" not in head and (piece := caller.recv(4096)):
                    head += piece
        except TimeoutError:
            self.heard = f"it takes connections and has no answer within {_ANSWER:g} s"
            return False
        except OSError:
            return False
        line = head.split(b"\r\n")[0]
        told = line[:80].decode("ascii", "replace").partition(" ")[2]
        self.heard = f"it answers {told}" if told else "it closes the connection without an answer"
        return line.split(b" ")[1:2] == [b"200"]
