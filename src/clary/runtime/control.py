"""The shim's unix socket: one line in, one answer out."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from clary.core.document import Document
from clary.runtime.jobdir import JobDirectory
from clary.runtime.wake import short

_PATIENCE = 0.5  # seconds; both ends are on one machine and the shim never blocks for long
_MOST = 1 << 20
_LONGEST = 1 << 15  # bytes of a caller's line, which comes in one piece
ATTACH = b"attach "


def listen(path: Path) -> socket.socket:
    """Return the listening socket, for its owner only."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with short(path) as name:
        server.bind(name)
    path.chmod(0o600)
    server.listen(16)
    server.setblocking(False)
    return server


Guest = Callable[[bytes, Sequence[int]], bytes]
"""Lets somebody in: (order, the connection and pipes to be handed on) → what to answer, mostly nothing."""


def serve(server: socket.socket, answer: Callable[[list[str]], bytes], let_in: Guest | None = None) -> None:
    """Take one caller's line and send back the answer to its words."""
    try:
        caller, _ = server.accept()
    except BlockingIOError:
        return
    with caller, contextlib.suppress(OSError, ValueError):
        caller.settimeout(_PATIENCE)
        line, pipes, _, _ = socket.recv_fds(caller, _LONGEST, 3)
        try:
            if let_in and line.startswith(ATTACH):
                caller.sendall(let_in(line.removeprefix(ATTACH), (caller.fileno(), *pipes)))
            else:
                caller.sendall(answer(line.decode().split()))
        finally:
            for pipe in pipes:
                os.close(pipe)


def answer(job: JobDirectory, words: list[str]) -> bytes:
    """Answer for a run: `poke` says that a wish was written, the others are `status` and `tail OFFSET
    LIMIT`.
    """
    match words:
        case ["poke"]:
            return b"ok\n"
        case ["status"]:
            return json.dumps(job.state()).encode() + b"\n"
        case ["tail", offset, limit]:
            return tail(job.log, int(offset), int(limit))
    return b"what?\n"


def ask(path: Path, line: str) -> bytes | None:
    """Send one line to a shim; None when it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.settimeout(_PATIENCE)
            with short(path) as name:
                caller.connect(name)
            caller.sendall(line.encode())
            caller.shutdown(socket.SHUT_WR)
            pieces = []
            while piece := caller.recv(1 << 16):
                pieces.append(piece)
            return b"".join(pieces)
    except OSError:
        return None


def tail(log: Path, offset: int, limit: int) -> bytes:
    """Return what a run's log has from a byte offset on."""
    try:
        with log.open("rb") as file:
            file.seek(offset)
            return file.read(min(limit, _MOST))
    except FileNotFoundError:
        return b""


def status(path: Path) -> Document | None:
    """Return the state a shim answers with."""
    text = ask(path, "status")
    document: Document | None = json.loads(text) if text else None
    return document
