"""What a request says about its own signature: read, not yet believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from clary.core.errors import ApiError
from clary.gateway.sigv4_errors import refusals_for
from clary.wire.message import HttpRequest

ALGORITHM = "AWS4-HMAC-SHA256"
HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/,\s]+)/([0-9]{8})/([^/,\s]*)/([^/,\s]+)/aws4_request, *"
    r"SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})"
)
_CREDENTIAL = re.compile(r"([^/,\s]+)/([0-9]{8})/([^/,\s]*)/([^/,\s]+)/aws4_request")


@dataclass(frozen=True)
class Scope:
    """What a signature says it is for, before anybody has checked it."""

    access_key: str
    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True)
class Claim:
    """What a request says about its own signature."""

    scope: Scope
    signed_headers: str
    signature: str
    presigned: bool


def read(request: HttpRequest) -> Claim | None:
    authorization = request.headers.get("authorization")
    in_query = "X-Amz-Algorithm=" in request.query and "X-Amz-Algorithm" in presigned_fields(request)
    if authorization is not None:
        if in_query:
            words = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the "
            words += "Authorization header should be specified"
            raise ApiError(words, code="InvalidArgument", status=400)
        match = _AUTHORIZATION.fullmatch(authorization)
        if match is not None:
            key, date, region, service, names, signature = match.groups()
            return Claim(Scope(key, date, region, service), names, signature, False)
        return _claim_in_other_words(request, authorization)
    return _presigned_claim(request) if in_query else None


def _claim_in_other_words(request: HttpRequest, authorization: str) -> Claim:
    """Read an Authorization header whose parts come in an order or spacing of their own."""
    algorithm, _, rest = authorization.strip().partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    credential = _CREDENTIAL.fullmatch(parts.get("Credential", ""))
    refuse = refusals_for(request, credential[4] if credential else None)
    if algorithm != ALGORITHM:
        raise refuse.unsupported(algorithm)
    lacking = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    if lacking:
        words = " ".join(f"Authorization header requires '{name}' parameter." for name in lacking)
        raise refuse.malformed(words, presigned=False)
    if credential is None:
        words = "Credential must be of the form <access key>/YYYYMMDD/<region>/<service>/aws4_request."
        raise refuse.malformed(words, presigned=False)
    if not HEX_DIGEST.fullmatch(parts["Signature"]):
        raise refuse.malformed("Signature must be 64 lower-case hexadecimal digits.", presigned=False)
    return Claim(Scope(*credential.groups()), parts["SignedHeaders"], parts["Signature"], False)


def _presigned_claim(request: HttpRequest) -> Claim:
    fields = presigned_fields(request)
    credential = _CREDENTIAL.fullmatch(fields.get("X-Amz-Credential", ""))
    refuse = refusals_for(request, credential[4] if credential else None)
    if fields["X-Amz-Algorithm"] != ALGORITHM:
        raise refuse.malformed('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"', presigned=True)
    needed = ("Credential", "Signature", "Date", "SignedHeaders")
    if lacking := [name for name in needed if not fields.get(f"X-Amz-{name}")]:
        names = ", ".join(f"X-Amz-{name}" for name in lacking)
        raise refuse.malformed(
            f"Query-string authentication requires the parameters {names}.", presigned=True
        )
    if credential is None:
        words = "Error parsing the X-Amz-Credential parameter; it must be of the form "
        words += "<access key>/YYYYMMDD/<region>/<service>/aws4_request."
        raise refuse.malformed(words, presigned=True)
    if not HEX_DIGEST.fullmatch(fields["X-Amz-Signature"]):
        words = "X-Amz-Signature must be 64 lower-case hexadecimal digits."
        raise refuse.malformed(words, presigned=True)
    names, signature = fields["X-Amz-SignedHeaders"], fields["X-Amz-Signature"]
    return Claim(Scope(*credential.groups()), names, signature, True)


def presigned_fields(request: HttpRequest) -> dict[str, str]:
    fields = {}
    for pair in request.query.split("&"):
        if pair.startswith("X-Amz-"):
            name, _, value = pair.partition("=")
            fields[name] = unquote(value)
    return fields
