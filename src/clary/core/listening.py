"""Listening sockets: bound by whoever stays, so that callers wait while whoever answers them is replaced."""

from __future__ import annotations

import socket

_BACKLOG = 2048


def listen(host: str, port: int, *, shared: bool = False, alone: bool = True) -> socket.socket:
    """Bind the port. `shared` lets sibling sockets bind it too; a stranger on it is an error either way."""
    if shared and alone and port:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


def port_of(listener: socket.socket) -> int:
    """Return the port that a socket is bound to."""
    port: int = listener.getsockname()[1]
    return port
