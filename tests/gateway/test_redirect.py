"""The redirect answers AWS hosts with the gateway and lets every other host through untouched."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from clary.core.listening import listen, port_of
from clary.gateway.certificates import Leaves, certificate_path, ensure_authority
from clary.gateway.redirect import Redirect

T = TypeVar("T")
STS = "sts.us-east-1.amazonaws.com"


@contextlib.asynccontextmanager
async def greeter(word: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answer each request head with `word` and the request line, then close."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(word + b" " + head)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def redirect(keys: Path, gateway_port: int, upstream: str = "") -> AsyncIterator[int]:
    ensure_authority(keys, datetime.now(UTC))
    proxy = Redirect(Leaves(keys), ("127.0.0.1", gateway_port), upstream)
    front = listen("127.0.0.1", 0)
    await proxy.start(front)
    try:
        yield port_of(front)
    finally:
        proxy.close()


async def through(proxy: int, head: str, tls: ssl.SSLContext | None = None, host: str = STS) -> bytes:
    """CONNECT, speak TLS when told to, send a request and return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy)
    try:
        writer.write(head.encode())
        if head.startswith("CONNECT"):
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer:
                return answer
            if tls:
                await writer.start_tls(tls, server_hostname=host)
            writer.write(b"GET /inside HTTP/1.1\r\nHost: " + host.encode() + b"\r\n\r\n")
        return await reader.read()
    finally:
        writer.close()


def run(main: Coroutine[None, None, T]) -> T:
    return asyncio.run(main)


def trusting(keys: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate_path(keys)))


def test_an_aws_host_is_answered_by_the_gateway_over_tls_that_verifies(tmp_path: Path) -> None:
    async def main() -> bytes:
        async with greeter(b"gateway") as gateway, redirect(tmp_path, gateway) as proxy:
            connect = f"CONNECT {STS}:443 HTTP/1.1\r\nHost: {STS}\r\n\r\n"
            return await through(proxy, connect, trusting(tmp_path))

    assert run(main()).startswith(b"gateway GET /inside HTTP/1.1\r\nHost: sts.us-east-1.amazonaws.com")


def test_a_client_that_does_not_trust_the_authority_is_not_served(tmp_path: Path) -> None:
    async def main() -> bytes:
        async with greeter(b"gateway") as gateway, redirect(tmp_path, gateway) as proxy:
            return await through(proxy, f"CONNECT {STS}:443 HTTP/1.1\r\n\r\n", ssl.create_default_context())

    with pytest.raises(ssl.SSLError):
        run(main())


def test_the_authority_cannot_vouch_for_other_hosts(tmp_path: Path) -> None:
    ensure_authority(tmp_path, datetime.now(UTC))
    context = Leaves(tmp_path).context("localhost")

    async def main() -> None:
        async with greeter(b"", context) as port:
            await asyncio.open_connection("localhost", port, ssl=trusting(tmp_path), family=2)

    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        run(main())


def test_another_host_is_tunnelled_untouched(tmp_path: Path) -> None:
    async def main() -> bytes:
        async with greeter(b"other") as other, redirect(tmp_path, 1) as proxy:
            return await through(proxy, f"CONNECT 127.0.0.1:{other} HTTP/1.1\r\n\r\n", host="127.0.0.1")

    assert run(main()).startswith(b"other GET /inside")


def test_another_host_goes_through_the_upstream_proxy(tmp_path: Path) -> None:
    async def main() -> bytes:
        async with (
            greeter(b"HTTP/1.1 200 OK\r\n\r\nupstream") as upstream,
            redirect(tmp_path, 1, f"http://user:secret@127.0.0.1:{upstream}") as proxy,
        ):
            return await through(proxy, "CONNECT example.test:443 HTTP/1.1\r\n\r\n", host="example.test")

    answer = run(main())
    assert answer.startswith(b"upstream CONNECT example.test:443 HTTP/1.1")
    assert b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in answer


def test_plain_http_to_an_aws_host_is_answered_by_the_gateway(tmp_path: Path) -> None:
    async def main() -> bytes:
        async with greeter(b"gateway") as gateway, redirect(tmp_path, gateway) as proxy:
            return await through(proxy, f"GET http://{STS}/a?b=c HTTP/1.1\r\nHost: {STS}\r\n\r\n")

    assert run(main()).startswith(b"gateway GET /a?b=c HTTP/1.1\r\nHost: sts.us-east-1.amazonaws.com\r\n")


def test_what_is_no_proxy_request_is_refused(tmp_path: Path) -> None:
    async def main() -> list[bytes]:
        async with greeter(b"gateway") as gateway, redirect(tmp_path, gateway) as proxy:
            heads = ("GET / HTTP/1.1\r\n\r\n", "rubbish\r\n\r\n", "CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n")
            return [await through(proxy, head) for head in heads]

    bare, rubbish, nobody = run(main())
    assert bare.startswith(b"HTTP/1.1 400")
    assert rubbish.startswith(b"HTTP/1.1 400")
    assert nobody.startswith(b"HTTP/1.1 502")


def test_the_keys_stay_private_and_the_authority_stays_the_same(tmp_path: Path) -> None:
    first = ensure_authority(tmp_path, datetime.now(UTC)).read_bytes()
    assert ensure_authority(tmp_path, datetime.now(UTC)).read_bytes() == first
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
