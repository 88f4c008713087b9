"""Which web pages may read a bucket: the rules as they are kept, and what they say of one request."""

from __future__ import annotations

from fnmatch import fnmatchcase

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.registry import Call, operation
from clary.operations.s3.request import bucket_of
from clary.store.objects.errors import refused

_METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
_MOST = 100
_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


@operation("s3", "GetBucketCors")
def get(call: Call) -> Document:
    """Answer the rules."""
    bucket = bucket_of(call)
    rules = bucket.settings.get("Cors")
    if rules is None:
        raise ApiError(
            "The CORS configuration does not exist",
            code="NoSuchCORSConfiguration",
            status=404,
            members={"BucketName": bucket.name},
        )
    return {"CORSRules": rules}


@operation("s3", "PutBucketCors")
def put(call: Call) -> Document:
    """Keep rules."""
    bucket, rules = bucket_of(call), call.request["CORSConfiguration"].get("CORSRules", [])
    if not 1 <= len(rules) <= _MOST:
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        raise refused("MalformedXML", message)
    for rule in rules:
        _check(rule)
    call.objects.configure(bucket.name, {"Cors": rules})
    return {}


@operation("s3", "DeleteBucketCors")
def delete(call: Call) -> Document:
    """Drop the rules."""
    call.objects.configure(bucket_of(call).name, {}, remove=["Cors"])
    return {}


def headers_for(
    rules: list[Document], origin: str, method: str, asked: list[str] | None = None
) -> dict[str, str] | None:
    """Return what the first rule that fits lets a page of `origin` do; None when none fits.

    `asked` names the headers that a preflight wants to be allowed.
    """
    for rule in rules:
        allowed = _first(rule.get("AllowedOrigins", []), origin)
        wanted = [name.strip().lower() for name in asked or [] if name.strip()]
        patterns = [pattern.lower() for pattern in rule.get("AllowedHeaders", [])]
        if (
            allowed is not None
            and method in rule.get("AllowedMethods", [])
            and all(_first(patterns, name) is not None for name in wanted)
        ):
            return _told(rule, allowed, origin, wanted)
    return None


def _told(rule: Document, allowed: str, origin: str, wanted: list[str]) -> dict[str, str]:
    everybody = allowed == "*"
    told = {
        "access-control-allow-origin": "*" if everybody else origin,
        "access-control-allow-methods": ", ".join(rule["AllowedMethods"]),
    }
    if wanted:
        told["access-control-allow-headers"] = ", ".join(wanted)
    if exposed := rule.get("ExposeHeaders"):
        told["access-control-expose-headers"] = ", ".join(exposed)
    if rule.get("MaxAgeSeconds") is not None:
        told["access-control-max-age"] = str(rule["MaxAgeSeconds"])
    if not everybody:
        told["access-control-allow-credentials"] = "true"
    return {**told, "vary": _VARY}


def _check(rule: Document) -> None:
    for method in rule["AllowedMethods"]:
        if method not in _METHODS:
            message = f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            raise refused("InvalidRequest", message)
    for member, noun in (("AllowedOrigins", "AllowedOrigin"), ("AllowedHeaders", "AllowedHeader")):
        for pattern in rule.get(member, []):
            if pattern.count("*") > 1:
                message = f'{noun} "{pattern}" can not have more than one wildcard.'
                raise refused("InvalidRequest", message)


def _first(patterns: list[str], value: str) -> str | None:
    """Return the first pattern that fits; only `*` is special."""
    for pattern in patterns:
        if fnmatchcase(value, pattern.replace("[", "[[]").replace("?", "[?]")):
            return pattern
    return None
