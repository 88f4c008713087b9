"""The canonical request: the text both sides compute, and one of them signs."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from clary.gateway.sigv4_claim import Claim
from clary.wire.message import HttpRequest

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_.~/-]*")


def header_values(request: HttpRequest) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in request.headers:
        trimmed = " ".join(value.split())
        values[name] = f"{values[name]},{trimmed}" if name in values else trimmed
    return values


def canonical_request(
    request: HttpRequest,
    claim: Claim,
    headers: dict[str, str],
    query: str,
    payload: str,
    normalise: bool | None,
) -> str:
    if normalise is None:
        normalise = not claim.scope.service.startswith("s3")
    lines = "".join([f"{name}:{headers.get(name, '')}\n" for name in claim.signed_headers.split(";")])
    path = _canonical_path(request.path or "/", normalise, twice=not claim.scope.service.startswith("s3"))
    return f"{request.method}\n{path}\n{query}\n{lines}\n{claim.signed_headers}\n{payload}"


def _canonical_path(path: str, normalise: bool, *, twice: bool) -> str:
    """Encode a path as signers do: S3's as it was meant, all others' once more on top of what was sent."""
    if normalise and ("//" in path or "/." in path):
        path = _without_dots(path)
    if _PLAIN_PATH.fullmatch(path):
        return path
    raw = octets(path) if twice else unquote_to_bytes(octets(path))
    return quote(raw, safe="/-_.~")


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return f"/{'/'.join(kept)}{end}"


def canonical_queries(request: HttpRequest, claim: Claim) -> list[str]:
    """Return the canonical query; with a token in it also without, for signers that add it afterwards."""
    if not request.query:
        return [""]
    pairs = []
    for pair in request.query.split("&"):
        name, _, value = pair.partition("=")
        if pair and not (claim.presigned and name == "X-Amz-Signature"):
            pairs.append((_encode(name), _encode(value)))
    pairs.sort()
    queries = ["&".join([f"{name}={value}" for name, value in pairs])]
    if claim.presigned and any(name == "X-Amz-Security-Token" for name, _ in pairs):
        rest = [f"{name}={value}" for name, value in pairs if name != "X-Amz-Security-Token"]
        queries.append("&".join(rest))
    return queries


def _encode(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    return quote(unquote_to_bytes(octets(text.replace("+", " "))), safe="-_.~")


def octets(text: str) -> bytes:
    """Return the bytes that were on the wire, which the gateway decodes as Latin-1."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
