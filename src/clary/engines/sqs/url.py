"""Queue URLs: made for the caller's own way to this server, and read whatever host they name."""

from __future__ import annotations

import re

from clary.core.aws_hosts import is_aws

_URL = re.compile(r"(?:https?://[^/?#]+)?/(\d{12})/([^/?#]+)/?")


def url_of(host: str, account: str, name: str) -> str:
    """Return a queue's URL: AWS's own host was reached through the redirect, which is asked by TLS."""
    scheme = "https" if is_aws(host.partition(":")[0]) else "http"
    return f"{scheme}://{host}/{account}/{name}"


def named(url: str) -> tuple[str, str] | None:
    """Return the account and the name in a queue's URL or in its path alone."""
    match = _URL.fullmatch(url)
    return (match[1], match[2]) if match else None
