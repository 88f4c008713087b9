"""What a browser asks and is told when a page of another origin uses a bucket."""

from __future__ import annotations

from urllib.parse import unquote

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.gateway.exchange import Exchange, Parts
from clary.operations.s3.cors import headers_for
from clary.wire import s3
from clary.wire.message import Headers, HttpRequest, HttpResponse

_NOT_ALLOWED = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request"
    " method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the "
    "resource's CORS spec."
)


def preflight(exchange: Exchange, parts: Parts) -> HttpResponse:
    """Answer OPTIONS: what the page may do next. Nobody signs such a request."""
    headers = exchange.request.headers
    origin, method = headers.get("origin"), headers.get("access-control-request-method")
    if not origin:
        raise ApiError(
            "Insufficient information. Origin request header needed.", code="BadRequest", status=400
        )
    if not method:
        message = f"Invalid Access-Control-Request-Method: {method}"
        raise ApiError(message, code="BadRequest", status=400)
    rules = _rules(exchange.request, parts)
    if rules is None:
        message = "CORSResponse: CORS is not enabled for this bucket."
        raise ApiError(message, code="AccessForbidden", status=403)
    asked = (headers.get("access-control-request-headers") or "").split(",")
    told = headers_for(rules, origin, method, asked)
    if told is None:
        raise ApiError(_NOT_ALLOWED, code="AccessForbidden", status=403)
    return HttpResponse(headers=Headers([*told.items(), ("x-amz-request-id", exchange.id)]))


def add(exchange: Exchange, parts: Parts, response: HttpResponse) -> None:
    """Add to an answer what lets the page that asked for it read it."""
    origin = exchange.request.headers.get("origin")
    if not origin or exchange.service is None or not s3.is_s3(exchange.service):
        return
    rules = _rules(exchange.request, parts)
    for name, value in (headers_for(rules or [], origin, exchange.request.method) or {}).items():
        response.headers.set(name, value)


def _rules(request: HttpRequest, parts: Parts) -> list[Document] | None:
    name = s3.bucket_of_host(request.headers.get("host") or "")
    bucket = parts.objects.find_bucket(name or unquote(request.path.lstrip("/").partition("/")[0]))
    rules: list[Document] | None = bucket.settings.get("Cors") if bucket is not None else None
    return rules
