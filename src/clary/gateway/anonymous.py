"""Callers of S3 that say nothing of themselves: let in where a bucket's policy means everybody."""

from __future__ import annotations

from clary.core.principal import Credential, Principal
from clary.gateway.sigv4 import Signed
from clary.gateway.sigv4_errors import refusals_for
from clary.wire.message import HttpRequest

_SIGNS = ("X-Amz-", "AWSAccessKeyId=", "Signature=")
_NOBODY = Principal(account="", arn="", user_id="", grants="", kind="anonymous")


def is_unsigned(request: HttpRequest) -> bool:
    """Say whether a request carries nothing that was meant for a signature."""
    return "authorization" not in request.headers and not any(sign in request.query for sign in _SIGNS)


def nobody(region: str, request: HttpRequest) -> Signed:
    """Return what stands for the signature of a caller that nobody knows."""
    return Signed(
        credential=Credential(access_key="", secret="", principal=_NOBODY),
        region=region,
        service="s3",
        mode="unsigned",
        presigned=False,
        seed="",
        key=b"",
        timestamp="",
        scope="",
        refusals=refusals_for(request, "s3"),
    )
