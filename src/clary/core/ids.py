"""Names that nobody else has."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import uuid
from collections import deque

_AHEAD = 32  # Request ids made at once; asking the system for each one's randomness costs more than the rest.
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LOWER = "abcdefghijklmnopqrstuvwxyz0123456789"
_ready: deque[str] = deque()
os.register_at_fork(after_in_child=_ready.clear)  # so that no two processes hand out the same


def uid() -> str:
    """Return 32 lower-case hex digits, unique to one record for ever."""
    return uuid.uuid4().hex


def request_id() -> str:
    """Return a request id in the form AWS clients print: a random UUID, made ahead with others."""
    while True:
        try:
            return _ready.popleft()
        except IndexError:  # another thread may take all of these before this one comes round again
            _ready.extend(_random_uuids())


def identity_id(prefix: str, length: int = 17) -> str:
    """Return an IAM unique id such as `AROA…` or `AKIA…`: the prefix, then `length` base32 characters."""
    return prefix + "".join(secrets.choice(_BASE32) for _ in range(length))


def made_up(form: str, seed: str = "") -> str:
    """Return `form` with n lower-case letters and digits for `{n}`; the same ones for the same seed."""

    def letters(match: re.Match[str]) -> str:
        count = int(match[1])
        entropy = hashlib.sha512(seed.encode()).digest() if seed else secrets.token_bytes(64)
        return "".join(_LOWER[byte % 36] for byte in entropy[:count])

    return re.sub(r"\{(\d+)\}", letters, form)


def _random_uuids() -> list[str]:
    digits, variants = secrets.token_hex(16 * _AHEAD), secrets.token_bytes(_AHEAD)
    found: list[str] = []
    for number, variant in enumerate(variants):
        one = digits[32 * number : 32 * number + 32]
        found.append(f"{one[:8]}-{one[8:12]}-4{one[13:16]}-{'89ab'[variant & 3]}{one[17:20]}-{one[20:]}")
    return found
