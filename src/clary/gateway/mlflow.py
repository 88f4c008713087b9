"""The way to MLflow servers: who calls is known and allowed, one audit line, and on to the server's socket.

Two ways in. Clients of the `sagemaker-mlflow` plugin sign each request and name the server in a header.
Browsers come by a presigned address, which sets a cookie for that server's own path. Neither's credentials go
further.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from clary.core import ids
from clary.core.errors import AccessDenied, ApiError, TryAgain
from clary.core.principal import Principal
from clary.gateway import body, sigv4, sigv4_claim
from clary.gateway.audit import Entry
from clary.gateway.chain import session_token
from clary.gateway.exchange import Disconnected, Parts, Receive, Send
from clary.operations.permissions.mlflow import PREFIX, actions_of
from clary.operations.studio import mlflow_url
from clary.serving.connection import BadAnswer, Host, HostLost
from clary.serving.stream import Stream
from clary.store.keys import MasterKey
from clary.store.record import Record
from clary.wire.message import Headers, HttpRequest

PAGES = f"{mlflow_url.PATH}/".encode()
COOKIE = "clary-mlflow"
PATIENCE = 300.0  # seconds for one answer
LARGEST = 256 << 20  # bytes of an answer that is not streamed
APP_ACTION = "sagemaker:CallMlflowAppApi"
_NAMING = {b"x-mlflow-sm-tracking-server-arn": "MlflowTrackingServer", b"x-sm-mlflow-app-arn": "MlflowApp"}
_NOT_SENT = frozenset(
    b"authorization connection content-length cookie expect host keep-alive origin proxy-authorization "
    b"proxy-connection range referer te trailer transfer-encoding upgrade".split()
)
_NOT_ANSWERED = frozenset(
    b"connection date keep-alive server set-cookie trailer transfer-encoding upgrade".split()
)
_CODES = {400: "BAD_REQUEST", 403: "PERMISSION_DENIED", 413: "BAD_REQUEST", 503: "TEMPORARILY_UNAVAILABLE"}
"""What MLflow calls refusals that are not its own."""

_SIGNED_FOR = (PREFIX, "sagemaker")  # what the plugin signs for: a server, and an app
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_log = logging.getLogger(__name__)


class NoServer(ApiError):
    """There is no such server."""

    code = "RESOURCE_DOES_NOT_EXIST"
    status = 404


class NotRunning(ApiError):
    """The server does not run, and will not by itself."""

    code = "INVALID_STATE"
    status = 400


class NotYet(ApiError):
    """The server is about to run; clients of MLflow ask again by themselves."""

    code = "TEMPORARILY_UNAVAILABLE"
    status = 503


@dataclass(kw_only=True)
class Visit:
    """One request on its way. `target` is what the server is asked, `way` who is asked: a kind, or pages."""

    id: str
    request: HttpRequest
    source: str
    way: str
    uid: str = ""
    arn: str = ""
    target: str = ""
    action: str = ""
    principal: Principal | None = None
    access_key: str = ""
    status: int = 0
    error: str = ""


def way_of(scope: dict[str, Any]) -> str:
    """Say how a request names an MLflow server: "" where it names none."""
    if scope["raw_path"].startswith(PAGES):
        return "pages"
    return next((_NAMING[name] for name, _ in scope["headers"] if name in _NAMING), "")


class MlflowWay:
    """What one gateway process knows of MLflow servers: connections to them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._key: MasterKey | None = None
        self._hosts: dict[str, Host] = {}

    async def serve(self, scope: dict[str, Any], receive: Receive, send: Send, way: str) -> None:
        """Answer one request."""
        visit, began = _open(scope, way), self._parts.clock.now()
        try:
            request = visit.request
            if request.method not in _METHODS:
                words = f"MLflow servers are asked by {', '.join(_METHODS)}, not by {request.method[:16]}."
                raise ApiError(words, code="BAD_REQUEST", status=405)
            request.body = await body.in_memory(receive, request.headers)
            await self._answer(visit, send)
        except ApiError as refusal:
            visit.status, visit.error = refusal.status, refusal.code
            await _refuse(visit, refusal, send)
        except TryAgain as busy:
            visit.status, visit.error = 503, "TEMPORARILY_UNAVAILABLE"
            await _refuse(visit, NotYet(f"Try again: {busy}."), send)
        except Disconnected:
            visit.error = "ClientDisconnected"
        except Exception:
            _log.exception("request %s to %s failed", visit.id, visit.arn)
            begun, visit.status, visit.error = visit.status, 500, "INTERNAL_ERROR"
            if begun:  # a part of the answer has left; the connection is closed, which says so
                return
            words = f"The server failed on request {visit.id}. logs/gateway.log in its home says why."
            await _refuse(visit, ApiError(words, code="INTERNAL_ERROR", status=500), send)
        finally:
            self._parts.audit.add(
                Entry(
                    time=began,
                    request_id=visit.id,
                    account=visit.principal.account if visit.principal else "",
                    principal=visit.principal.arn if visit.principal else "",
                    access_key=visit.access_key,
                    source_ip=visit.source,
                    service=PREFIX,
                    operation=visit.action,
                    resource=visit.arn,
                    status=visit.status,
                    error=visit.error,
                )
            )

    async def _answer(self, visit: Visit, send: Send) -> None:
        loop = asyncio.get_running_loop()
        if visit.way == "pages" and visit.target == "/auth":
            headers = await loop.run_in_executor(self._parts.pool, self._begin, visit)
            await _send(send, visit, 303, headers, b"")
            return
        record = await loop.run_in_executor(self._parts.pool, self._admit, visit)
        await self._ask(visit, self._host(record), send)

    def _begin(self, visit: Visit) -> list[tuple[bytes, bytes]]:
        """Begin a browser's session: the address's token becomes a cookie."""
        visit.action = "AccessUI"
        token = parse_qs(visit.request.query).get("authToken", [""])[0]
        if visit.request.method != "GET":
            raise ApiError("A presigned address is opened by GET.", code="BAD_REQUEST", status=400)
        key, now = self._master(), self._parts.clock.now()
        begun = mlflow_url.session(key, visit.uid, token, now)
        if begun is None:
            raise AccessDenied(
                "This address is not valid, or its time is over. Ask for another: "
                "CreatePresignedMlflowTrackingServerUrl, or CreatePresignedMlflowAppUrl."
            )
        value, seconds = begun
        visit.principal = mlflow_url.principal_of(key, visit.uid, value, now)
        place = f"{mlflow_url.PATH}/{visit.uid}/"
        cookie = f"{COOKIE}={value}; Path={place}; Max-Age={seconds}; HttpOnly; SameSite=Lax"
        return [
            (b"location", place.encode()),
            (b"set-cookie", cookie.encode()),
            (b"cache-control", b"no-store"),
            (b"referrer-policy", b"no-referrer"),
        ]

    def _admit(self, visit: Visit) -> Record:
        """Find out who calls, what for, and whether that is allowed."""
        needed = actions_of(visit.request.method, unquote(visit.target.partition("?")[0]))
        visit.action = needed[0]
        records = self._parts.records
        if visit.way == "pages":
            principal = self._of_cookie(visit)
            record = records.by_uid(visit.uid)
        else:
            principal = self._of_signature(visit)
            record = records.by_arn(visit.arn)
        if record is None or record.account != principal.account or record.kind not in _NAMING.values():
            raise NoServer(
                f"There is no MLflow server {visit.arn or visit.uid} in the account {principal.account}."
            )
        visit.arn = record.arn
        app = record.kind == "MlflowApp"
        for action in (APP_ACTION,) if app else [f"{PREFIX}:{each}" for each in needed]:
            self._check(visit, principal, record, action)
        return record

    def _check(self, visit: Visit, principal: Principal, record: Record, action: str) -> None:
        context: dict[str, tuple[str, ...]] = {
            "aws:sourceip": (visit.source,),
            "aws:requestedregion": (record.region,),
            "aws:securetransport": ("false",),
        }
        if agent := visit.request.headers.get("user-agent"):
            context["aws:useragent"] = (agent,)
        authoriser = self._parts.authoriser
        if not authoriser.allowed(principal, action, record.arn, context):
            raise authoriser.refusal(principal, action, record.arn, context)

    def _of_signature(self, visit: Visit) -> Principal:
        request, token = visit.request, session_token(visit.request)
        credentials = self._parts.credentials
        signed = sigv4.verify(request, lambda key: credentials.find(key, token), self._parts.clock.now())
        if signed.presigned or signed.service not in _SIGNED_FOR or not _names_covered(request):
            raise AccessDenied(
                "A request to an MLflow server is signed in its Authorization header, for the service "
                f"{' or '.join(_SIGNED_FOR)}, and the signature covers the header that names the server."
            )
        visit.principal, visit.access_key = signed.credential.principal, signed.credential.access_key
        return visit.principal

    def _of_cookie(self, visit: Visit) -> Principal:
        """Return whose session the cookie is; what another site had the browser send is refused."""
        headers = visit.request.headers
        origin, host = headers.get("origin"), headers.get("host") or ""
        if origin and visit.request.method not in ("GET", "HEAD") and _netloc(origin) != host:
            raise AccessDenied(f"A page of {origin} may not change what is at {host}.")
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(headers.get("cookie") or "")
        except CookieError:
            jar.clear()
        value = jar[COOKIE].value if COOKIE in jar else ""
        visit.principal = mlflow_url.principal_of(self._master(), visit.uid, value, self._parts.clock.now())
        if visit.principal is None:
            raise AccessDenied(
                "There is no session here, or it is over. Open the server's pages by the address that "
                "CreatePresignedMlflowTrackingServerUrl or CreatePresignedMlflowAppUrl gives."
            )
        return visit.principal

    def _master(self) -> MasterKey:
        if self._key is None:
            self._key = MasterKey.open(self._parts.settings.home.keys)
        return self._key

    def _host(self, record: Record) -> Host:
        """Return the way to a server that answers, or say why there is none and what to do."""
        socket = record.doc.get("_Socket")
        if socket is None:
            raise _absent(record)
        host = self._hosts.get(record.uid)
        if host is None or host.socket != Path(socket):
            if host:
                host.close()
            host = self._hosts[record.uid] = Host(record.uid, Path(socket), LARGEST)
        return host

    async def _ask(self, visit: Visit, host: Host, send: Send) -> None:
        """Pass a request on, and its answer back piece by piece."""
        stream = Stream()
        content = visit.request.body
        assert isinstance(content, bytes)  # noqa: S101  # taken into memory by `serve`
        asking = asyncio.ensure_future(host.ask(_head(visit, len(content)), content, PATIENCE, stream))
        asking.add_done_callback(lambda _: stream.end())
        try:
            begun = False
            async for piece in stream:
                if not begun:
                    begun, visit.status = True, stream.status
                    await _start(send, visit, stream.status, _answered(stream.headers))
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            try:
                answer = await asking
            except (HostLost, BadAnswer, TimeoutError) as error:
                if begun:  # the connection is closed: the client sees that the answer is not whole
                    visit.error = "BROKEN_OFF"
                    _log.info("request %s: the answer of %s broke off: %s", visit.id, visit.arn, error)
                    return
                raise NotYet(
                    f"{visit.arn} did not answer: {error or 'it took too long'}. Try again."
                ) from error
            if begun:
                await send({"type": "http.response.body", "body": b""})
            else:
                await _send(send, visit, answer.status, _answered(answer.headers), answer.body)
        finally:
            asking.cancel()


def _open(scope: dict[str, Any], way: str) -> Visit:
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    request = HttpRequest(method=scope["method"], path=path, query=query, headers=Headers(fields))
    client = scope.get("client")
    visit = Visit(
        id=ids.request_id(), request=request, source=client[0] if client else "", way=way, target=path
    )
    if way == "pages":
        visit.uid, _, rest = path.removeprefix(PAGES.decode()).partition("/")
        visit.target = f"/{rest}"
    else:
        visit.arn = next(
            value.decode("latin-1") for name, value in scope["headers"] if _NAMING.get(name) == way
        )
    return visit


def _names_covered(request: HttpRequest) -> bool:
    """Tell whether the signature of a request covers every header that names a server."""
    claim = sigv4_claim.read(request)
    covered = claim.signed_headers.split(";") if claim else []
    naming = {name.decode() for name in _NAMING}
    return all(name.lower() in covered for name, _ in request.headers if name.lower() in naming)


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _head(visit: Visit, length: int) -> bytes:
    """Return the head of a request to a server: the caller's, without what is ours or names the caller."""
    query = f"?{visit.request.query}" if visit.request.query else ""
    lines = [f"{visit.request.method} {visit.target}{query} HTTP/1.1".encode("latin-1"), b"host: localhost"]
    for name, value in visit.request.headers:
        field = name.lower().encode("latin-1")
        if field not in _NOT_SENT and field not in _NAMING and not field.startswith(b"x-amz-"):
            lines.append(field + b": " + value.encode("latin-1"))
    lines.append(b"content-length: %d" % length)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _answered(headers: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers.items() if name not in _NOT_ANSWERED]


def _absent(record: Record) -> ApiError:
    """Return why a server does not answer."""
    name = record.doc.get("TrackingServerName") or record.doc.get("Name")
    status = record.doc.get("TrackingServerStatus") or record.doc.get("Status")
    if record.doc["_Wanted"]:
        why = f" It was lost: {record.doc['_Why']}" if "_Why" in record.doc else ""
        return NotYet(
            f"The MLflow server {name} is {status} and does not answer yet. Try again shortly.{why}"
        )
    if "_Why" in record.doc and str(status).endswith("Failed"):
        return NotRunning(
            f"The MLflow server {name} is {status}: {record.doc['_Why']} Its log is in CloudWatch. "
            "Mend that, and start it again with StartMlflowTrackingServer, or update an app."
        )
    if status == "Deleting":
        return NoServer(f"The MLflow server {name} is being deleted.")
    return NotRunning(
        f"The MLflow server {name} is {status} and does not answer. Start it with StartMlflowTrackingServer."
    )


async def _refuse(visit: Visit, error: ApiError, send: Send) -> None:
    """Send an error in MLflow's form, which its client reads."""
    known = error.code if isinstance(error, NoServer | NotRunning | NotYet) else _CODES.get(error.status)
    content = json.dumps({"error_code": known or error.code, "message": error.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await _send(send, visit, error.status, headers, content)


async def _start(send: Send, visit: Visit, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    visit.status = status
    fields = [*headers, (b"x-amzn-requestid", visit.id.encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields})


async def _send(
    send: Send, visit: Visit, status: int, headers: list[tuple[bytes, bytes]], content: bytes
) -> None:
    if not any(name == b"content-length" for name, _ in headers):
        headers = [*headers, (b"content-length", b"%d" % len(content))]
    await _start(send, visit, status, headers)
    await send({"type": "http.response.body", "body": content})
