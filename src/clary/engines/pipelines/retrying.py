"""When a failed attempt of a step is followed by another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from clary.core.document import Document


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed: a policy's exception types that it is one of, and the text of it."""

    types: frozenset[str]
    reason: str


def failure(code: str, reason: str) -> Failure:
    """Return what a refused call (by its error code) or a failed job (no code, its FailureReason) is."""
    raise NotImplementedError(code, reason)


def next_attempt(
    policies: Sequence[Document], failed: Failure, attempts: int, first: datetime, now: datetime
) -> datetime | None:
    """Return when to try again after `attempts` attempts, the first one at `first`; None where it is over."""
    raise NotImplementedError(policies, failed, attempts, first, now)
