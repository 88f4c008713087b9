"""How each family of services refuses a signature: AWS's codes, statuses and words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from clary.core.errors import ApiError
from clary.wire.message import HttpRequest

Family = Literal["s3", "query", "json", "rest"]

# Source: common errors in the API references; SDK issue threads quote the texts. RPC services answer 400.
_CODES = {
    "missing": ("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
    "incomplete": ("IncompleteSignature", "IncompleteSignatureException"),
    "unknown": ("InvalidClientTokenId", "UnrecognizedClientException"),
    "mismatch": ("SignatureDoesNotMatch", "InvalidSignatureException"),
    "expired": ("ExpiredToken", "ExpiredTokenException"),
}
_SKEW = {
    "s3": timedelta(minutes=15),
    "query": timedelta(minutes=15),
    "json": timedelta(minutes=5),
    "rest": timedelta(minutes=5),
}
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Refusals:
    """The errors of one family."""

    family: Family

    @property
    def skew(self) -> timedelta:
        """How far a clock may be off."""
        return _SKEW[self.family]

    def missing(self) -> ApiError:
        """Nothing in the request says who is calling."""
        if self.family == "s3":
            return ApiError("Access Denied", code="AccessDenied", status=403)
        words = (
            "Request is missing Authentication Token"
            if self.family == "query"
            else "Missing Authentication Token"
        )
        return self._error("missing", words)

    def malformed(self, why: str, *, presigned: bool) -> ApiError:
        """The signature is there and does not read as one."""
        if self.family != "s3":
            return self._error("incomplete", why, status=400)
        if presigned:
            return ApiError(why, code="AuthorizationQueryParametersError", status=400)
        words = f"The authorization header is malformed; {why}"
        return ApiError(words, code="AuthorizationHeaderMalformed", status=400)

    def unsupported(self, what: str) -> ApiError:
        """The signature is of a kind that is not spoken here."""
        if self.family == "s3":
            words = (
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
            )
            return ApiError(words, code="InvalidRequest", status=400)
        words = f"Unsupported authorization type '{what[:32]}'; please use AWS4-HMAC-SHA256."
        return self._error("incomplete", words, status=400)

    def unknown_key(self, access_key: str) -> ApiError:
        """No such access key, or its session token is not the one that came with it."""
        if self.family == "s3":
            words = "The AWS Access Key Id you provided does not exist in our records."
            members = {"AWSAccessKeyId": access_key[:128]}
            return ApiError(words, code="InvalidAccessKeyId", status=403, members=members)
        return self._error("unknown", "The security token included in the request is invalid.")

    def invalid_token(self) -> ApiError:
        """The session token does not belong to the access key."""
        if self.family == "s3":
            words = "The provided token is malformed or otherwise invalid."
            return ApiError(words, code="InvalidToken", status=400)
        return self._error("unknown", "The security token included in the request is invalid.")

    def expired_token(self) -> ApiError:
        """The temporary credentials are over."""
        if self.family == "s3":
            return ApiError("The provided token has expired.", code="ExpiredToken", status=400)
        return self._error("expired", "The security token included in the request is expired")

    def mismatch(self, access_key: str, canonical: str, to_sign: str, provided: str) -> ApiError:
        """The signature is not the one the secret gives; the words show what was signed here."""
        words = "The request signature we calculated does not match the signature you provided. "
        if self.family == "s3":
            members = {
                "AWSAccessKeyId": access_key,
                "StringToSign": to_sign,
                "SignatureProvided": provided,
                "CanonicalRequest": canonical,
            }
            words += "Check your key and signing method."
            return ApiError(words, code="SignatureDoesNotMatch", status=403, members=members)
        words += (
            "Check your AWS Secret Access Key and signing method. "
            "Consult the service documentation for details."
            f"\n\nThe Canonical String for this request should have been\n'{canonical}'"
            f"\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
        )
        return self._error("mismatch", words)

    def plain_mismatch(self, words: str) -> ApiError:
        """The signature cannot be right, for the reason given."""
        code = "SignatureDoesNotMatch" if self.family == "s3" else None
        return ApiError(words, code=code, status=403) if code else self._error("mismatch", words)

    def unsigned_headers(self, names: list[str]) -> ApiError:
        """Headers that change what is asked are not covered by the signature."""
        words = "There were headers present in the request which were not signed"
        if self.family == "s3":
            members = {"HeadersNotSigned": ", ".join(names)}
            return ApiError(words, code="AccessDenied", status=403, members=members)
        return self._error("mismatch", f"{words}: {', '.join(names)}")

    def skewed(self, signed_at: datetime, now: datetime) -> ApiError:
        """The client's clock, or a replay, is too far off."""
        if self.family == "s3":
            members = {
                "RequestTime": signed_at.strftime(_STAMP),
                "ServerTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "MaxAllowedSkewMilliseconds": str(self.skew // timedelta(milliseconds=1)),
            }
            words = "The difference between the request time and the current time is too large."
            return ApiError(words, code="RequestTimeTooSkewed", status=403, members=members)
        minutes = self.skew // timedelta(minutes=1)
        if signed_at < now:
            return self.expired(signed_at, now - self.skew, f"{now.strftime(_STAMP)} - {minutes} min.")
        edge = f"{(now + self.skew).strftime(_STAMP)} ({now.strftime(_STAMP)} + {minutes} min.)"
        return self._error(
            "mismatch", f"Signature not yet current: {signed_at.strftime(_STAMP)} is still later than {edge}"
        )

    def expired(self, signed_at: datetime, edge: datetime, how: str) -> ApiError:
        """The signature is too old."""
        words = f"{signed_at.strftime(_STAMP)} is now earlier than {edge.strftime(_STAMP)} ({how})"
        return self._error("mismatch", f"Signature expired: {words}")

    def presigned_over(self, signed_at: datetime, expires: timedelta, now: datetime) -> ApiError:
        """A presigned URL was used after its time."""
        seconds = expires // timedelta(seconds=1)
        if self.family != "s3":
            return self.expired(signed_at, now - expires, f"{now.strftime(_STAMP)} - {seconds} s.")
        members = {
            "X-Amz-Expires": str(seconds),
            "Expires": (signed_at + expires).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ServerTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return ApiError("Request has expired", code="AccessDenied", status=403, members=members)

    def body_differs(self, declared: str, computed: str) -> ApiError:
        """The body is not the one whose digest was signed."""
        if self.family == "s3":
            words = "The provided 'x-amz-content-sha256' header does not match what was computed."
            members = {"ClientComputedContentSHA256": declared, "S3ComputedContentSHA256": computed}
            return ApiError(words, code="XAmzContentSHA256Mismatch", status=400, members=members)
        return self._error("mismatch", "The body does not have the digest given in x-amz-content-sha256.")

    def _error(self, kind: str, words: str, *, status: int = 0) -> ApiError:
        short, long = _CODES[kind]
        code = short if self.family == "query" else long
        return ApiError(words, code=code, status=status or (400 if self.family == "json" else 403))


_REFUSALS: dict[Family, Refusals] = {name: Refusals(name) for name in ("s3", "query", "json", "rest")}


def refusals_for(request: HttpRequest, service: str | None) -> Refusals:
    """Return the family a request belongs to, from its scope's service and what it looks like."""
    if service is not None and service.startswith("s3"):
        return _REFUSALS["s3"]
    headers = request.headers
    if "x-amz-target" in headers or "smithy-protocol" in headers:
        return _REFUSALS["json"]
    content_type = headers.get("content-type") or ""
    if content_type.startswith("application/x-www-form-urlencoded") or "Action=" in request.query:
        return _REFUSALS["query"]
    return _REFUSALS["s3" if service is None else "rest"]
