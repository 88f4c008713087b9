"""Paths of our own under `/_clary/`: health, the data plane's figures, what running jobs are asked for."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, timedelta
from typing import Any
from urllib.parse import parse_qs

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.gateway import attaching
from clary.gateway.exchange import Parts, Send
from clary.serving.exposition import CONTENT_TYPE_LATEST, exposition

_SESSION_LIFE = timedelta(hours=1)  # SDKs fetch anew some minutes before its end
_SESSION_NAME = "SageMaker"
_LOOPBACK = ("127.0.0.1", "::1")
_log = logging.getLogger(__name__)


async def serve(scope: dict[str, Any], send: Send, parts: Parts) -> None:
    """Answer one of our own paths, to callers on this machine only."""
    client = scope.get("client")
    if scope["method"] != "GET" or (client and client[0] not in _LOOPBACK):
        await _send(send, 403, {"message": "Only GET, and only from this machine."})
        return
    name, _, rest = scope["path"].removeprefix("/_clary/").partition("/")
    if name == "health":
        await _send(send, 200, {"status": "ok"})
    elif name == "latencies":
        await _send(send, 200, {"endpoints": parts.plane.router.summary()})
    elif name == "metrics":
        await _send_text(send, exposition(parts.plane.router.tallies), CONTENT_TYPE_LATEST)
    elif name == "credentials" and rest:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        headers = {name.lower(): value for name, value in scope["headers"]}
        token = headers.get(b"authorization", b"").decode("latin-1")
        loop = asyncio.get_running_loop()
        role = query.get("role", [""])[0]
        status, body = await loop.run_in_executor(parts.pool, _credentials, parts, rest, role, token)
        await _send(send, status, body)
    elif name == "attach" and rest:
        loop = asyncio.get_running_loop()
        status, body = await loop.run_in_executor(parts.pool, attaching.admit, scope, parts)
        await _send(send, status, body)
    else:
        await _send(send, 404, {"message": "Nothing is here."})


def _credentials(parts: Parts, run: str, role: str, token: str) -> tuple[int, Document]:
    """Return a session of a run's role, in the form of a container's credential endpoint."""
    if not parts.credentials.check_run_token(token, run, role):
        return 403, {"code": "AccessDenied", "message": "This is not the token of that run and role."}
    directory = parts.settings.home.jobs / run
    if "/" in run or not (directory / "spec.json").exists() or (directory / "exit.json").exists():
        return 404, {"code": "RunEnded", "message": f"The run {run} is not running."}
    try:
        session = parts.credentials.issue_role_session(role, _SESSION_NAME, _SESSION_LIFE)
    except ApiError as error:
        _log.info("run %s gets no credentials of %s: %s", run, role, error)
        return 404, {"code": error.code, "message": error.message}
    return 200, {
        "AccessKeyId": session["AccessKeyId"],
        "SecretAccessKey": session["SecretAccessKey"],
        "Token": session["SessionToken"],
        "Expiration": session["Expiration"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "RoleArn": role,
    }


async def _send(send: Send, status: int, body: Document) -> None:
    await _send_text(send, json.dumps(body).encode(), "application/json", status)


async def _send_text(send: Send, content: bytes, content_type: str, status: int = 200) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
