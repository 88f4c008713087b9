"""From an answer to bytes on the wire."""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from xml.sax.saxutils import escape

from clary.core.body import FileBody
from clary.core.errors import ApiError
from clary.gateway.exchange import Disconnected, Message, Receive, Send
from clary.gateway.line import LARGE, Left, Line
from clary.wire.message import Headers, HttpRequest, HttpResponse

_BLOCK = 1 << 20


async def send(
    response: HttpResponse,
    method: str,
    send: Send,
    pool: ThreadPoolExecutor,
    receive: Receive | None = None,
    line: Line | None = None,
) -> None:
    """Send the answer; a HEAD gets its headers only. `receive` tells of a client that leaves half-way."""
    body = response.body
    length = body.length if isinstance(body, FileBody) else len(body)
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers]
    if "content-length" not in response.headers and response.status not in (204, 304):
        headers.append((b"content-length", b"%d" % length))
    bare = method == "HEAD" or not length
    if isinstance(body, FileBody) and not bare:
        leaving = asyncio.ensure_future(receive()) if receive else None
        try:
            await _send_file(body, response.status, headers, send, pool, leaving, line)
        finally:
            if leaving:
                leaving.cancel()
        return
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if bare or isinstance(body, FileBody) else body})


async def _send_file(
    body: FileBody,
    status: int,
    headers: list[tuple[bytes, bytes]],
    send: Send,
    pool: ThreadPoolExecutor,
    leaving: asyncio.Future[Message] | None,
    line: Line | None,
) -> None:
    loop = asyncio.get_running_loop()
    # Opened before the first byte is sent: from now on a deletion cannot cut the answer short.
    file = await loop.run_in_executor(pool, os.open, body.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if line is not None and body.length >= LARGE and await _past(line, file, body, pool):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        at, end = body.offset, body.offset + body.length
        while at < end:
            block = await loop.run_in_executor(pool, os.pread, file, min(_BLOCK, end - at), at)
            if not block:
                raise OSError(f"{body.path} is shorter than its record says")
            at += len(block)
            await send({"type": "http.response.body", "body": block, "more_body": at < end})
            if at < end and leaving and leaving.done():
                raise Disconnected
    finally:
        os.close(file)


async def _past(line: Line, file: int, body: FileBody, pool: ThreadPoolExecutor) -> bool:
    try:
        return await line.send_file(file, body.offset, body.length, pool)
    except Left as left:
        raise Disconnected from left


def plain_error(request: HttpRequest, error: ApiError, request_id: str) -> HttpResponse:
    """Answer an error before the service is known, in the dialect that the request's own type suggests."""
    content_type = request.headers.get("content-type") or ""
    headers = Headers([("x-amzn-requestid", request_id)])
    if "json" in content_type or "cbor" in content_type:
        headers.add("content-type", "application/x-amz-json-1.1")
        headers.add("x-amzn-errortype", error.code)
        body = json.dumps({"__type": error.code, "message": error.message})
    else:
        headers.add("content-type", "text/xml")
        body = (
            "<ErrorResponse><Error><Type>Sender</Type>"
            f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return HttpResponse(status=error.status, headers=headers, body=body.encode())
