"""Names and tokens that follow from a step and its attempt, so that repeating a call finds what it made."""

from __future__ import annotations

import hashlib
import string

_LETTERS = string.ascii_letters + string.digits
_MARK = 10  # letters behind the step's name: evidence/pipeline-executions.md
_SHORT = 40  # Names of at most so many characters have no room for a common beginning.


def mark(uid: str, attempt: int, length: int = _MARK) -> str:
    """Return letters and digits that only this attempt of a step has."""
    digest = hashlib.sha256(f"{uid}/{attempt}".encode()).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:length])


def token(uid: str, attempt: int) -> str:
    """Return a request's idempotency token: 32 letters, for some requests take 36 at most."""
    return hashlib.sha256(f"{uid}/{attempt}/token".encode()).hexdigest()[:32]


def name_of(execution: str, step: str, mark: str, *, limit: int, prefix: str = "") -> str:
    """Name what an attempt of a step makes, in at most `limit` characters.

    A prefix of the user's own stands in the place of the step's name and of the common beginning.
    """
    head = "" if prefix or limit <= _SHORT else "pipelines-"
    tail = f"-{execution}-{mark}" if prefix else f"-{mark}"
    start = "" if prefix else f"{head}{execution}-"
    middle = (prefix or step).replace("_", "-")[: limit - len(start) - len(tail)].strip("-")
    return f"{start}{middle or 'step'}{tail}"
