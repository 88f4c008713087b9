"""Carries connections between a container's network and this machine: `… oci_relay PID LISTEN TARGET`.

Both are `unix:PATH` or `tcp:HOST:PORT`. With a PID other than 0 it enters that process's network: TCP means
the container's own there, while a unix socket is a file and reaches both sides.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
from pathlib import Path

from clary.runtime.wake import short

_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_PIECE = 1 << 18  # bytes


def main(arguments: list[str]) -> int:
    """Carry until the end."""
    pid, listen, target = int(arguments[0]), arguments[1], arguments[2]
    if pid:
        enter(pid)
    asyncio.run(_serve(listen, target))
    return 0


def enter(pid: int) -> None:
    """Go over into the network of a process; an ordinary user needs its user namespace first."""
    library = ctypes.CDLL(None, use_errno=True)
    wanted = [("net", _CLONE_NEWNET)]
    if os.geteuid() != 0:
        wanted.insert(0, ("user", _CLONE_NEWUSER))
    for name, kind in wanted:
        with Path(f"/proc/{pid}/ns/{name}").open("rb") as namespace:
            if library.setns(namespace.fileno(), kind):
                code = ctypes.get_errno()
                raise OSError(code, f"cannot enter the {name} namespace of {pid}: {os.strerror(code)}")


async def _serve(listen: str, target: str) -> None:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await _connect(target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    kind, _, rest = listen.partition(":")
    if kind == "unix":
        Path(rest).unlink(missing_ok=True)
        with short(Path(rest)) as name:
            server = await asyncio.start_unix_server(carry, name, limit=_PIECE)
    else:
        host, _, port = rest.rpartition(":")
        server = await asyncio.start_server(carry, host, int(port), limit=_PIECE)
    await server.serve_forever()


async def _connect(target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    kind, _, rest = target.partition(":")
    if kind == "unix":
        with short(Path(rest)) as name:
            return await asyncio.open_unix_connection(name, limit=_PIECE)
    host, _, port = rest.rpartition(":")
    return await asyncio.open_connection(host, int(port), limit=_PIECE)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(_PIECE):
            sink.write(piece)
            await sink.drain()
    with contextlib.suppress(OSError):
        if sink.can_write_eof():
            sink.write_eof()
            return
    sink.close()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
