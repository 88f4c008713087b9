"""Who is connected to a server, and how it takes its leave of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from toolkit.server.http import Connection

BACKLOG = 1024


class Callers:
    """The connections of one process: it has finished once it drains and the last of them is gone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.draining = False
        self.finished = asyncio.Event()
        self._loop = loop
        self._open: set[Connection] = set()
        self._servers: list[asyncio.Server] = []

    async def accept(self, sockets: Sequence[socket.socket], make: Callable[[], Connection]) -> None:
        """Accept connections on the master's sockets."""
        for one in sockets:
            unix = one.family == socket.AF_UNIX
            serve = self._loop.create_unix_server if unix else self._loop.create_server
            self._servers.append(await serve(make, sock=one, backlog=BACKLOG))

    def opened(self, connection: Connection) -> None:
        """Note a connection."""
        self._open.add(connection)

    def closed(self, connection: Connection) -> None:
        """Forget it; the last one to leave while draining ends the process."""
        self._open.discard(connection)
        if self.draining and not self._open:
            self.finished.set()

    def drain(self) -> None:
        """Take no more connections, answer what has arrived, then finish."""
        self.draining = True
        for server in self._servers:
            server.close()
        for connection in list(self._open):
            connection.leave()
        if not self._open:
            self.finished.set()
