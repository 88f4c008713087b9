"""Taking an upload to disk: decoded, hashed, held against what was signed, gone if it does not hold."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from clary.core.errors import ApiError
from clary.gateway import body, chunked
from clary.gateway.chunked import Decoder
from clary.gateway.exchange import Disconnected, Exchange, Parts
from clary.gateway.intake import Intake
from clary.gateway.line import Left, Line
from clary.gateway.staging import Staging, wanted_digests
from clary.wire.message import Headers

MOST_BYTES = 5 << 30
"""The largest upload S3 takes in one call."""


async def receive_upload(exchange: Exchange, parts: Parts) -> None:
    """Write the body to staging, but for its last block, which `settle_upload` writes on its way."""
    headers = exchange.request.headers
    _refuse_early(headers)
    assert exchange.signed is not None  # noqa: S101  # an earlier step of the chain
    loop = asyncio.get_running_loop()
    exchange.staging = staging = Staging(parts.objects.staging, wanted_digests(headers))
    if chunked.is_chunked(exchange.signed, exchange.request):
        exchange.decoder = chunked.Decoder(exchange.signed, exchange.request)
    if exchange.line is not None and exchange.line.holds_body():
        await _receive_large(exchange, exchange.line, parts)
        return
    writing: asyncio.Future[None] | None = None
    try:
        async for block in body.blocks(exchange.receive):
            await _done(writing)
            if exchange.block:  # goes to disk while the next one arrives
                writing = loop.run_in_executor(parts.pool, _write, staging, exchange.decoder, exchange.block)
            exchange.block = block
    finally:
        await _done(writing)
    exchange.received = True


def settle_upload(exchange: Exchange) -> None:
    """Sync the staged body, hold it against what was signed, and put it into the request."""
    staging, decoder, signed = exchange.staging, exchange.decoder, exchange.signed
    assert staging is not None and signed is not None  # noqa: S101  # made by earlier steps
    _write(staging, decoder, exchange.block)
    trailer = decoder.finish() if decoder else {}
    staged = exchange.request.body = staging.finish()
    if "sha256" in staged.digests:
        signed.check_body(staged.digests["sha256"])
    if decoder:
        exchange.request.headers = without_chunks(exchange.request.headers, trailer, staged.size)


async def _receive_large(exchange: Exchange, line: Line, parts: Parts) -> None:
    assert exchange.staging is not None  # noqa: S101  # made by the caller
    intake = Intake(exchange.staging, exchange.decoder)
    try:
        await line.receive(intake, parts.pool)
    except Left as left:
        raise Disconnected from left
    await asyncio.get_running_loop().run_in_executor(parts.pool, intake.finish)
    exchange.received = True


async def _done(writing: asyncio.Future[None] | None) -> None:
    """Wait for it, also when it fails: nobody may write to a staging that is being discarded."""
    if writing:
        await writing


def _write(staging: Staging, decoder: Decoder | None, block: bytes) -> None:
    staging.write(decoder.feed(block) if decoder else block)
    _check_size(staging)


def _check_size(staging: Staging) -> None:
    if staging.size > MOST_BYTES:
        raise _too_large(staging.size)


def _refuse_early(headers: Headers) -> None:
    length = headers.get("x-amz-decoded-content-length") or headers.get("content-length")
    if length is None and "transfer-encoding" not in headers:
        return  # no body at all
    if length is not None and not (length.isascii() and length.isdigit() and len(length) <= 20):
        raise ApiError("The length of the body is not a number.", code="InvalidArgument", status=400)
    if length is not None and int(length) > MOST_BYTES:
        raise _too_large(int(length))


def without_chunks(headers: Headers, trailer: Mapping[str, str], size: int) -> Headers:
    """Return the headers as if the object had been sent as it is, its checksums in front."""
    encodings = [part.strip() for part in (headers.get("content-encoding") or "").split(",")]
    kept = ",".join(part for part in encodings if part and part != "aws-chunked")
    plain = Headers([field for field in headers if field[0] not in ("content-encoding", "content-length")])
    plain.add("content-length", str(size))
    if kept:
        plain.add("content-encoding", kept)
    for name, value in trailer.items():
        plain.add(name, value)
    return plain


def _too_large(size: int) -> ApiError:
    return ApiError(
        "Your proposed upload exceeds the maximum allowed size",
        code="EntityTooLarge",
        status=400,
        members={"ProposedSize": size, "MaxSizeAllowed": MOST_BYTES},
    )
