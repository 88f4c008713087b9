"""The redirect: an HTTP proxy on loopback that answers AWS hosts itself and lets every other host through.

SDKs that pass an explicit AWS address still honour HTTPS_PROXY, so this is where such calls arrive. The
CONNECT tunnel to an AWS host ends here, in TLS with a certificate of the home's own authority.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import socket
from urllib.parse import unquote, urlsplit

from clary.core.aws_hosts import is_aws
from clary.gateway.certificates import Leaves

_LONGEST_HEAD = 64 << 10
_CONNECT_TIMEOUT = 30.0  # seconds
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_log = logging.getLogger(__name__)


class Redirect:
    """One proxy. AWS traffic goes to the address `gateway`; `upstream` is the environment's own proxy."""

    def __init__(self, leaves: Leaves, gateway: tuple[str, int], upstream: str = "") -> None:
        self.leaves, self.gateway = leaves, gateway
        self.upstream = urlsplit(upstream if "//" in upstream else f"http://{upstream}") if upstream else None
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Take the connections of a socket that listens already."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Front(self), sock=listener)

    def close(self) -> None:
        """Stop listening; tunnels that are open stay until either side ends them."""
        if self._server:
            self._server.close()

    async def connect(self, host: str, port: int) -> _Pipe:
        """Connect to where bytes for `host` go: the gateway, a tunnel through `upstream`, or the host."""
        loop = asyncio.get_running_loop()
        if is_aws(host):
            address, via = self.gateway, None
        elif self.upstream and self.upstream.hostname:
            address, via = (self.upstream.hostname, self.upstream.port or 80), f"{host}:{port}"
        else:
            address, via = (host, port), None
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            _, pipe = await loop.create_connection(_Pipe, *address)
            if via and self.upstream:
                await self._tunnel(pipe, via)
        return pipe

    def proxy_authorization(self) -> str:
        """The header line the upstream proxy wants, or nothing."""
        if not self.upstream or self.upstream.username is None:
            return ""
        login = f"{unquote(self.upstream.username)}:{unquote(self.upstream.password or '')}"
        return f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n"

    async def _tunnel(self, pipe: _Pipe, target: str) -> None:
        head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{self.proxy_authorization()}\r\n"
        answer = await pipe.ask(head.encode("latin-1"))
        status = answer.split(b" ", 2)[1:2]
        if status != [b"200"]:
            pipe.close()
            raise OSError(f"the upstream proxy refused {target}: {answer[:80]!r}")


class _Pipe(asyncio.Protocol):
    """One end of a tunnel: what arrives here leaves at `other`, no faster than it can."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Pipe | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._early = b""
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # asyncio types it too wide

    def join(self, other: _Pipe) -> None:
        """Pump both ways from now on."""
        self.other, other.other = other, self
        for pipe in (self, other):
            if pipe._early:
                pipe.data_received(pipe._early)
            if pipe._ended:
                pipe.eof_received()

    async def ask(self, data: bytes) -> bytes:
        """Send a head and wait for the head of the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self.write(data)
        return await self._answer

    def write(self, data: bytes) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        if self.transport:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.other:
            self.other.write(data)
            return
        self._early += data
        if self._answer and not self._answer.done() and b"\r\n\r\n" in self._early:
            head, _, self._early = self._early.partition(b"\r\n\r\n")
            self._answer.set_result(head)

    def eof_received(self) -> bool:
        self._ended = True
        other = self.other.transport if self.other else None
        if other and other.can_write_eof() and not other.is_closing():
            other.write_eof()
            return True  # half closed: the other way may still have something to say
        if self.other:
            self.other.close()
        return False

    def pause_writing(self) -> None:
        if self.other and self.other.transport and not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other and self.other.transport and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(OSError("the upstream proxy closed the connection"))
        if self.other:
            self.other.close()


class _Front(asyncio.Protocol):
    """A client's connection until its first request line and headers are read; then a pipe takes over."""

    def __init__(self, redirect: Redirect) -> None:
        self._redirect = redirect
        self._head = b""
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # asyncio types it too wide

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._task or self._transport is None:
            return
        if b"\r\n\r\n" in self._head:
            self._transport.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._serve(self._transport))
        elif len(self._head) > _LONGEST_HEAD:
            self._refuse(self._transport, 431, "The request's head is longer than 64 KiB.")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task:
            self._task.cancel()

    async def _serve(self, transport: asyncio.Transport) -> None:
        head, _, rest = self._head.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        try:
            method, target, version = line.split(" ")
            url = urlsplit(f"//{target}" if method == "CONNECT" else target)
            host, port = url.hostname or "", url.port or (443 if method == "CONNECT" else 80)
        except ValueError:
            host = ""
        if not host or (method != "CONNECT" and url.scheme != "http"):
            self._refuse(transport, 400, "This is a proxy: send CONNECT host:port, or an http:// address.")
            return
        try:
            if method == "CONNECT":
                await self._connect(transport, host, port, rest)
            else:
                path = target.partition("//")[2]
                path = path[path.find("/") :] if "/" in path else "/"
                await self._forward(transport, host, port, f"{method} {path} {version}", fields, rest)
        except (OSError, TimeoutError) as error:
            _log.info("redirect: no connection to %s:%s: %s", host, port, error)
            self._refuse(transport, 502, f"No connection to {host}:{port}: {error}")

    async def _connect(self, transport: asyncio.Transport, host: str, port: int, rest: bytes) -> None:
        far, near = await self._redirect.connect(host, port), _Pipe()
        transport.write(_ESTABLISHED)
        if not is_aws(host):
            near.transport = transport
            transport.set_protocol(near)
            far.write(rest)
            near.join(far)
            transport.resume_reading()
            return
        loop = asyncio.get_running_loop()
        try:
            context = self._redirect.leaves.context(host)
            tls = await loop.start_tls(transport, near, context, server_side=True)
        except OSError as error:  # an SSLError is one: most often a client that does not trust our authority
            _log.info("redirect: no TLS with the client of %s: %s", host, error)
            far.close()
            transport.abort()
            return
        if tls is None:  # the client left during the handshake
            far.close()
            return
        near.transport = tls
        near.join(far)

    async def _forward(
        self, transport: asyncio.Transport, host: str, port: int, line: str, fields: list[str], rest: bytes
    ) -> None:
        """Pass on one plain request. The next may name another host, so the connection closes after it."""
        far, near = await self._redirect.connect(host, port), _Pipe()
        kept = [field for field in fields if not field.lower().startswith(("proxy-", "connection:"))]
        head = "\r\n".join([line, *kept, "Connection: close", "", ""])
        near.transport = transport
        transport.set_protocol(near)
        far.write(head.encode("latin-1") + rest)
        near.join(far)
        transport.resume_reading()

    def _refuse(self, transport: asyncio.Transport, status: int, text: str) -> None:
        body = f"{text}\n".encode()
        head = f"HTTP/1.1 {status} Refused\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        with contextlib.suppress(RuntimeError):
            transport.write(head.encode("latin-1") + body)
        transport.close()
