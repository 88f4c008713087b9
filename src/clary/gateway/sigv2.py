"""Signature Version 2 in a query: what boto3 and the AWS CLI still make of a presigned S3 URL by default.

Only presigned S3 URLs are read; a SigV2 `Authorization` header is refused, as it is in AWS's newer regions.
Rules: "Signing and authenticating REST requests" in the S3 developer guide, and botocore's HmacV1QueryAuth.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote_plus

from clary.core.errors import ApiError
from clary.core.principal import Credential
from clary.gateway.sigv4 import Signed
from clary.gateway.sigv4_errors import Refusals
from clary.wire import s3
from clary.wire.message import Headers, HttpRequest

_REFUSE = Refusals("s3")
_OWN = ("AWSAccessKeyId", "Signature", "Expires")
_AS_HEADERS = ("content-md5", "content-type")
# Query keys that name what is asked for, and are signed with the path.
_SUBRESOURCES = frozenset(
    {
        "accelerate", "acl", "analytics", "cors", "delete", "inventory", "lifecycle", "location", "logging",
        "metrics", "notification", "object-lock", "partNumber", "policy", "replication", "requestPayment",
        "response-cache-control", "response-content-disposition", "response-content-encoding",
        "response-content-language", "response-content-type", "response-expires", "restore", "select",
        "select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning",
        "versions", "website",
    }
)  # fmt: skip

Find = Callable[[str, str | None], Credential | None]


def presigned(request: HttpRequest) -> bool:
    """Say whether a request comes with a SigV2 query and nothing newer."""
    if "AWSAccessKeyId=" not in request.query or "authorization" in request.headers:
        return False
    fields = _fields(request)
    return set(_OWN) <= fields.keys() and "X-Amz-Algorithm" not in fields


def hoist(request: HttpRequest) -> Headers:
    """Return the headers with those that the URL carries in its query."""
    headers = Headers(list(request.headers))
    for name, value in _fields(request).items():
        if (name.startswith("x-amz-") or name in _AS_HEADERS) and name not in headers:
            headers.add(name, value or "")
    return headers


def verify(request: HttpRequest, find: Find, now: datetime, region: str) -> Signed:
    """Return who signed a request whose headers are hoisted, or raise the error S3 would answer."""
    fields = _fields(request)
    access_key, signature, expires = (fields[name] or "" for name in _OWN)
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        raise ApiError("Invalid date (should be seconds since epoch)", code="AccessDenied", status=403)
    if loose := sorted(name for name in fields if not _covered(name)):
        names = ", ".join(loose)[:200]
        message = f"Signature Version 2 does not cover {names}; sign with Signature Version 4."
        raise ApiError(message, code="InvalidRequest", status=400)
    if request.query.count("&") >= len(fields):
        raise ApiError("A query key is there twice.", code="InvalidRequest", status=400)
    until = datetime.fromtimestamp(min(int(expires), 253_402_300_799), UTC)
    if now > until:
        members = {"Expires": until.isoformat(), "ServerTime": now.isoformat()}
        raise ApiError("Request has expired", code="AccessDenied", status=403, members=members)
    token = request.headers.get("x-amz-security-token")
    credential = find(access_key, token)
    if credential is None:
        raise _REFUSE.unknown_key(access_key)
    if not hmac.compare_digest((credential.token or "").encode(), (token or "").encode()):
        raise _REFUSE.invalid_token()
    to_sign = string_to_sign(request, expires)
    expected = base64.b64encode(hmac.digest(credential.secret.encode(), to_sign.encode(), "sha1")).decode()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise _REFUSE.mismatch(access_key, to_sign, to_sign, signature)
    if credential.expires is not None and credential.expires <= now:
        raise _REFUSE.expired_token()
    return Signed(
        credential=credential,
        region=region,
        service="s3",
        mode="unsigned",
        presigned=True,
        seed=signature,
        key=b"",
        timestamp="",
        scope="",
        refusals=_REFUSE,
    )


def string_to_sign(request: HttpRequest, expires: str) -> str:
    """Return what the signature is made of: method, a few headers, the path and what is asked of it."""
    headers = request.headers
    amazon: dict[str, list[str]] = {}
    for name, value in headers:
        if name.startswith("x-amz-"):
            amazon.setdefault(name, []).append(value.strip())
    lines = [request.method, headers.get("content-md5") or "", headers.get("content-type") or "", expires]
    lines += [f"{name}:{','.join(values)}" for name, values in sorted(amazon.items())]
    return "\n".join([*lines, _resource(request)])


def _resource(request: HttpRequest) -> str:
    bucket = s3.bucket_of_host(request.headers.get("host") or "")
    path = f"/{bucket}{request.path}" if bucket else request.path
    named = sorted((name, value) for name, value in _fields(request).items() if name in _SUBRESOURCES)
    asked = "&".join(name if value is None else f"{name}={value}" for name, value in named)
    return f"{path}?{asked}" if asked else path


def _covered(name: str) -> bool:
    """Say whether the signature depends on a query key; any other could be added by whoever has the URL."""
    known = name in _OWN or name in _AS_HEADERS or name in _SUBRESOURCES
    return known or name.startswith("x-amz-") or name == "x-id"  # `x-id` only names the operation, for logs


def _fields(request: HttpRequest) -> dict[str, str | None]:
    fields: dict[str, str | None] = {}
    for pair in request.query.split("&"):
        name, given, value = pair.partition("=")
        fields[name] = unquote_plus(value) if given else None
    return fields
