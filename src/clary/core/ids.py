"""Names that nobody else has."""

from __future__ import annotations

import secrets
import uuid

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def uid() -> str:
    """Return 32 lower-case hex digits, unique to one record for ever."""
    return uuid.uuid4().hex


def request_id() -> str:
    """Return a request id in the form AWS clients print."""
    return str(uuid.uuid4())


def identity_id(prefix: str, length: int = 17) -> str:
    """Return an IAM unique id such as `AROA…` or `AKIA…`: the prefix, then `length` base32 characters."""
    return prefix + "".join(secrets.choice(_BASE32) for _ in range(length))
