"""Attempts after a failure: which failures, how many, when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clary.core.document import Document
from clary.engines.pipelines import retrying
from clary.engines.pipelines.retrying import Failure, failure, next_attempt

FIRST = datetime(2026, 11, 23, tzinfo=UTC)
LATER = FIRST + timedelta(minutes=9)
CAPACITY = Failure(frozenset({retrying.CAPACITY}), "CapacityError: none left")
THROTTLED = Failure(frozenset({retrying.THROTTLING}), "slow down")
BROKEN = failure("", "AlgorithmError: exit code 1")


def policy(*types: str, **more: float) -> Document:
    return {"ExceptionType": list(types), **more}


@pytest.mark.parametrize(
    ("code", "reason", "types"),
    [
        ("ThrottlingException", "", {"Step.THROTTLING"}),
        ("InternalFailure", "", {"Step.SERVICE_FAULT"}),
        ("ResourceLimitExceeded", "", {"SageMaker.RESOURCE_LIMIT"}),
        ("ValidationException", "InternalServerError: not said by a job", set()),
        ("", "InternalServerError: The run was lost", {"SageMaker.JOB_INTERNAL_ERROR"}),
        ("", "CapacityError: taken back", {"SageMaker.CAPACITY_ERROR"}),
        ("", "AlgorithmError: exit code 1", set()),
    ],
)
def test_a_failure_is_what_its_code_or_its_reason_says(code: str, reason: str, types: set[str]) -> None:
    assert failure(code, reason).types == types


def after(seconds: float) -> datetime:
    return LATER + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("policies", "failed", "attempts", "when"),
    [
        ([policy(retrying.CAPACITY)], CAPACITY, 1, after(1)),
        ([policy(retrying.CAPACITY)], CAPACITY, 3, after(4)),
        ([policy(retrying.CAPACITY, IntervalSeconds=10, BackoffRate=1.5)], CAPACITY, 2, after(15)),
        ([policy(retrying.CAPACITY)], CAPACITY, 5, after(16)),
        ([policy(retrying.CAPACITY)], CAPACITY, 6, None),
        ([policy(retrying.CAPACITY, MaxAttempts=1)], CAPACITY, 1, after(1)),
        ([policy(retrying.CAPACITY, MaxAttempts=1)], CAPACITY, 2, None),
        ([policy(retrying.CAPACITY, ExpireAfterMin=9)], CAPACITY, 1, None),
        ([policy(retrying.CAPACITY, ExpireAfterMin=10)], CAPACITY, 12, after(2048)),
        ([policy(retrying.CAPACITY, ExpireAfterMin=10)], CAPACITY, 21, None),
        ([policy(retrying.LIMIT)], CAPACITY, 1, None),
        ([policy(retrying.LIMIT), policy(retrying.CAPACITY, IntervalSeconds=7)], CAPACITY, 1, after(7)),
        ([], CAPACITY, 1, None),
        ([], BROKEN, 1, None),
        ([], THROTTLED, 1, after(1)),
        ([policy(retrying.THROTTLING, MaxAttempts=1)], THROTTLED, 2, None),
        ([policy(retrying.CAPACITY, IntervalSeconds=43200, BackoffRate=1e6)], CAPACITY, 5, after(43200)),
    ],
)
def test_the_first_policy_for_a_failure_says_when_it_is_tried_again(
    policies: list[Document], failed: Failure, attempts: int, when: datetime | None
) -> None:
    assert next_attempt(policies, failed, attempts, FIRST, LATER) == when
