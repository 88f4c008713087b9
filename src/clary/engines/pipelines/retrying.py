"""When a failed attempt of a step is followed by another. evidence/pipeline-retries.md"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clary.core.document import Document
from clary.engines.pipelines.faults import DefinitionFault
from clary.engines.pipelines.members import choice, items, members, number

SERVICE_FAULT, THROTTLING = "Step.SERVICE_FAULT", "Step.THROTTLING"
INTERNAL_ERROR, CAPACITY = "SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR"
LIMIT = "SageMaker.RESOURCE_LIMIT"
TYPES = (SERVICE_FAULT, THROTTLING, INTERNAL_ERROR, CAPACITY, LIMIT)

_MEMBERS = ("ExceptionType", "IntervalSeconds", "BackoffRate", "MaxAttempts", "ExpireAfterMin")
_ATTEMPTS, _MOST_ATTEMPTS = 5, 20
_LONGEST_MINUTES = 14_400
_LONGEST_WAIT = timedelta(hours=12)  # the most that IntervalSeconds may be
_BY_ITSELF: tuple[Document, ...] = ({"ExceptionType": [SERVICE_FAULT, THROTTLING]},)
_CODES = {
    "ThrottlingException": THROTTLING,
    "Throttling": THROTTLING,
    "TooManyRequestsException": THROTTLING,
    "RequestLimitExceeded": THROTTLING,
    "InternalFailure": SERVICE_FAULT,
    "InternalError": SERVICE_FAULT,
    "InternalServerError": SERVICE_FAULT,
    "InternalServerException": SERVICE_FAULT,
    "ServiceUnavailable": SERVICE_FAULT,
    "ServiceException": SERVICE_FAULT,
    "ResourceLimitExceeded": LIMIT,
}
_REASONS = {
    "InternalServerError": INTERNAL_ERROR,
    "CapacityError": CAPACITY,
    "InsufficientCapacityError": CAPACITY,
    "ResourceLimitExceeded": LIMIT,
}


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed: a policy's exception types that it is one of, and the text of it."""

    types: frozenset[str]
    reason: str


def failure(code: str, reason: str) -> Failure:
    """Return what a refused call (by its error code) or a failed job (no code, its FailureReason) is."""
    said = _CODES.get(code) if code else _REASONS.get(reason.partition(":")[0].strip())
    return Failure(frozenset({said} if said else ()), reason)


def passes(code: str) -> bool:
    """Say whether a call refused so may be answered the next time: it was throttled, or we failed."""
    return _CODES.get(code) in (THROTTLING, SERVICE_FAULT)


def next_attempt(
    policies: Sequence[Document], failed: Failure, attempts: int, first: datetime, now: datetime
) -> datetime | None:
    """Return when to try again after `attempts` attempts, the first one at `first`; None where it is over."""
    policy = next(
        (p for p in (*policies, *_BY_ITSELF) if failed.types.intersection(p["ExceptionType"])), None
    )
    if policy is None:
        return None
    minutes, most = policy.get("ExpireAfterMin"), policy.get("MaxAttempts")
    if minutes is not None and now - first >= timedelta(minutes=minutes):
        return None
    if attempts > (most or _MOST_ATTEMPTS if minutes is not None else most or _ATTEMPTS):
        return None
    seconds = policy.get("IntervalSeconds", 1) * policy.get("BackoffRate", 2.0) ** (attempts - 1)
    return now + min(timedelta(seconds=min(seconds, _LONGEST_WAIT.total_seconds())), _LONGEST_WAIT)


def check(policy: Document, path: str) -> None:
    """Refuse a policy that says what none may."""
    members(policy, path, _MEMBERS)
    types = list(items(policy.get("ExceptionType"), f"{path}.ExceptionType"))
    if not types:
        raise DefinitionFault(f"{path}.ExceptionType", f"it is empty; it may have {', '.join(TYPES)}.")
    for where, each in types:
        choice(each, where, TYPES)
    number(policy, "IntervalSeconds", path, 0, _LONGEST_WAIT.total_seconds(), whole=True)
    number(policy, "BackoffRate", path, 0, 1e6, whole=False)
    number(policy, "MaxAttempts", path, 1, _MOST_ATTEMPTS, whole=True)
    number(policy, "ExpireAfterMin", path, 0, _LONGEST_MINUTES, whole=True)
