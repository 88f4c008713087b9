"""What a function prints: passed on to the environment's own output, its last part kept for the caller."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import select
import termios
import threading

TAIL = 4096
"""Bytes of an invocation's log that its caller may have."""


class Output:
    """The pipe that one process prints into."""

    def __init__(self, reads: int, log: Log) -> None:
        self._reads, self._log = reads, log
        threading.Thread(target=self._run, daemon=True).start()

    def drain(self) -> None:
        """Take all that was printed until now."""
        with self._log.lock:
            while self._reads >= 0 and (size := _waiting(self._reads)):
                self._log.write(os.read(self._reads, size))

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._reads, select.POLLIN)
        while True:
            poller.poll()
            with self._log.lock:
                size = _waiting(self._reads)
                data = os.read(self._reads, size) if size else b""
                if not data and not _open(poller):
                    os.close(self._reads)
                    self._reads = -1
                    return
                self._log.write(data)


class Log:
    """The environment's output; `lock` is held by whoever writes."""

    def __init__(self, target: int = 1) -> None:
        self.lock = threading.RLock()
        self._target = target
        self._tail = bytearray()
        self._whole = True

    def begin(self) -> None:
        """Keep from now on what is written, for one invocation."""
        with self.lock:
            self._tail.clear()

    def tail(self) -> bytes:
        """Return the last part of it."""
        with self.lock:
            return bytes(self._tail)

    def line(self, text: str) -> None:
        """Write a line of our own; one that a program left open ends first."""
        with self.lock:
            self.write((b"" if self._whole else b"\n") + text.encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Pass bytes on."""
        if not data:
            return
        self._whole = data.endswith(b"\n")
        self._tail += data
        del self._tail[:-TAIL]
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(self._target, data) :]


def _waiting(descriptor: int) -> int:
    """Return how many bytes can be read at once."""
    size = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, size)
    return size[0]


def _open(poller: select.poll) -> bool:
    """Say whether anybody may still write."""
    return not any(event & select.POLLHUP for _, event in poller.poll(0))
