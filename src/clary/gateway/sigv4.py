"""Signature Version 4: who sent a request, and that nobody changed it on the way."""

from __future__ import annotations

import functools
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from clary.core.body import StagedBody
from clary.core.errors import ApiError
from clary.core.principal import Credential
from clary.gateway.sigv4_canonical import canonical_queries, canonical_request, header_values, octets
from clary.gateway.sigv4_claim import ALGORITHM, HEX_DIGEST, Claim, Scope, presigned_fields, read
from clary.gateway.sigv4_errors import Refusals, refusals_for
from clary.wire import timestamps
from clary.wire.message import HttpRequest

if TYPE_CHECKING:
    from _hashlib import HASH

EMPTY = sha256(b"").hexdigest()
WEEK = timedelta(days=7)
Mode = Literal["signed", "unsigned", "chunked", "chunked-trailer", "unsigned-trailer"]
Find = Callable[[str], Credential | None]

_MODES: dict[str, Mode] = {
    "UNSIGNED-PAYLOAD": "unsigned",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": "chunked",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": "chunked-trailer",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": "unsigned-trailer",
}
STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
# Covered without being signed: the time by the string to sign, the token by the credential it must belong to.
NEED_NOT_BE_SIGNED = frozenset({"x-amz-date", "x-amz-security-token"})


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A request whose signature is right.

    `mode` says what the signature covers of the body. With `signed`, `body_sha256` is the digest the body
    must have; `verify` has compared it unless the body was still to follow. The chunked modes go to
    `gateway.chunked`, which takes `seed`, `key`, `timestamp` and `scope` from here.
    """

    credential: Credential
    region: str
    service: str
    mode: Mode
    presigned: bool
    seed: str
    key: bytes
    timestamp: str
    scope: str
    refusals: Refusals
    body_sha256: str | None = None

    def check_body(self, digest: bytes) -> None:
        """Refuse a body whose SHA-256 is not the one that was signed."""
        if self.body_sha256 is not None and not hmac.compare_digest(digest.hex(), self.body_sha256):
            raise self.refusals.body_differs(self.body_sha256, digest.hex())


def peek(request: HttpRequest) -> Scope | None:
    """Return what the request claims to be signed for, without verifying it; None when it claims nothing."""
    try:
        claim = read(request)
    except ApiError:
        return None
    return claim.scope if claim is not None else None


def verify(
    request: HttpRequest,
    find: Find,
    now: datetime,
    *,
    body_follows: bool = False,
    normalise: bool | None = None,
) -> Signed:
    """Return who signed `request`, or raise the error AWS would answer.

    `body_follows` says that the body was not read yet: whoever reads it calls `Signed.check_body`, or decodes
    its chunks. `normalise` overrides the rule that all but S3 remove dots and double slashes from paths.
    """
    claim = read(request)
    if claim is None:
        raise refusals_for(request, None).missing()
    scope = claim.scope
    refuse = refusals_for(request, scope.service)
    timestamp, token = _timestamp(request, claim, refuse), _token(request, claim)
    _check_time(request, claim, timestamp, now, refuse)
    credential = find(scope.access_key)
    if credential is None:
        raise refuse.unknown_key(scope.access_key)
    if not hmac.compare_digest((credential.token or "").encode(), (token or "").encode()):
        raise refuse.invalid_token()
    headers = header_values(request)
    payload = _payload(request, claim, headers, refuse, body_follows)
    key = signing_key(credential.secret, scope.date, scope.region, scope.service)
    for query in canonical_queries(request, claim):
        canonical = canonical_request(request, claim, headers, query, payload, normalise)
        to_sign = f"{ALGORITHM}\n{timestamp}\n{scope}\n{sha256(octets(canonical)).hexdigest()}"
        expected = _mac(key, to_sign.encode())
        if hmac.compare_digest(expected, claim.signature):
            break
    else:
        raise refuse.mismatch(scope.access_key, canonical, to_sign, claim.signature)
    _check_coverage(headers, claim, refuse)
    if credential.expires is not None and credential.expires <= now:
        raise refuse.expired_token()
    mode = _MODES.get(payload, "signed")
    signed = Signed(
        credential=credential,
        region=scope.region,
        service=scope.service,
        mode=mode,
        presigned=claim.presigned,
        seed=claim.signature,
        key=key,
        timestamp=timestamp,
        scope=str(scope),
        refusals=refuse,
        body_sha256=payload if mode == "signed" else None,
    )
    if mode == "signed" and not body_follows and "x-amz-content-sha256" in headers:
        signed.check_body(_digest(request))
    return signed


@functools.lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Derive the key a secret signs with on one day, in one region, for one service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _mac(key: bytes, message: bytes) -> str:
    """Return HMAC-SHA256 in hex; `hmac.digest` would prepare the key anew for every request."""
    inner, outer = pads(key)
    inner, outer = inner.copy(), outer.copy()
    inner.update(message)
    outer.update(inner.digest())
    return outer.hexdigest()


@functools.lru_cache(maxsize=1024)
def pads(key: bytes) -> tuple[HASH, HASH]:
    """Return RFC 2104's two hashes as far as they depend on the key alone, which is shorter than a block."""
    padded = key.ljust(64, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in padded)), sha256(bytes(byte ^ 0x5C for byte in padded))


def _timestamp(request: HttpRequest, claim: Claim, refuse: Refusals) -> str:
    if claim.presigned:
        stamp: str | None = presigned_fields(request)["X-Amz-Date"]
    else:
        stamp = request.headers.get("x-amz-date")
        if stamp is None and (date := request.headers.get("date")) is not None:
            stamp = _basic(date)
    if stamp is None or not STAMP.fullmatch(stamp):
        if refuse.family == "s3" and not claim.presigned:
            words = "AWS authentication requires a valid Date or x-amz-date header"
            raise ApiError(words, code="AccessDenied", status=403)
        words = "Date must be in ISO-8601 'basic format', YYYYMMDD'T'HHMMSS'Z'."
        raise refuse.malformed(words, presigned=claim.presigned)
    if stamp[:8] != claim.scope.date:
        words = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        raise refuse.plain_mismatch(f"{words}'{claim.scope.date}' != '{stamp[:8]}', from '{stamp}'.")
    return stamp


def _basic(date: str) -> str | None:
    if STAMP.fullmatch(date):
        return date
    try:
        return timestamps.from_text(date).strftime("%Y%m%dT%H%M%SZ")
    except ValueError:
        return None


def _check_time(request: HttpRequest, claim: Claim, timestamp: str, now: datetime, refuse: Refusals) -> None:
    try:
        signed_at = moment(timestamp)
    except ValueError as error:
        raise refuse.malformed(f"{timestamp} is not a date.", presigned=claim.presigned) from error
    skew = refuse.skew
    if not claim.presigned:
        if not now - skew <= signed_at <= now + skew:
            raise refuse.skewed(signed_at, now)
        return
    text = presigned_fields(request).get("X-Amz-Expires", "900")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise refuse.malformed("X-Amz-Expires should be a number", presigned=True)
    expires = timedelta(seconds=int(text))
    if expires > WEEK:
        words = (
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be "
        )
        raise refuse.malformed(f"{words}less than 604800 seconds", presigned=True)
    if signed_at > now + timedelta(minutes=15):
        raise refuse.skewed(signed_at, now)
    if now > signed_at + expires:
        raise refuse.presigned_over(signed_at, expires, now)


@functools.lru_cache(maxsize=64)
def moment(timestamp: str) -> datetime:
    return datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _token(request: HttpRequest, claim: Claim) -> str | None:
    if claim.presigned:
        return presigned_fields(request).get("X-Amz-Security-Token")
    return request.headers.get("x-amz-security-token")


def _payload(
    request: HttpRequest, claim: Claim, headers: dict[str, str], refuse: Refusals, body_follows: bool
) -> str:
    """Return the payload line of the canonical request."""
    declared = headers.get("x-amz-content-sha256")
    if declared is None and claim.presigned:
        declared = presigned_fields(request).get("X-Amz-Content-Sha256")
        if declared is None and refuse.family == "s3":
            return "UNSIGNED-PAYLOAD"
    if declared is not None:
        if declared in _MODES or HEX_DIGEST.fullmatch(declared):
            return declared
        words = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, one of the STREAMING- values, "
        words += "or a valid sha256 value."
        raise ApiError(words, code="InvalidArgument", status=400)
    if refuse.family == "s3":
        words = "Missing required header for this request: x-amz-content-sha256"
        raise ApiError(words, code="InvalidRequest", status=400)
    if body_follows:
        raise ApiError("x-amz-content-sha256 is required here.", code="InvalidRequest", status=400)
    return _digest(request).hex()


def _digest(request: HttpRequest) -> bytes:
    body = request.body
    if isinstance(body, StagedBody):
        return body.digests["sha256"]
    return sha256(body).digest()


def _check_coverage(headers: dict[str, str], claim: Claim, refuse: Refusals) -> None:
    """Refuse a signature that leaves out the host, or a header that changes what is asked."""
    covered = claim.signed_headers.split(";")
    if "host" not in covered:
        words = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        raise refuse.plain_mismatch(words)
    loose = [
        name
        for name in headers
        if name.startswith("x-amz-") and name not in covered and name not in NEED_NOT_BE_SIGNED
    ]
    if loose:
        raise refuse.unsigned_headers(loose)
