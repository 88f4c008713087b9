"""What a step's result follows from: a key in named parts, so that a miss can be told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from clary.core.document import Document
from clary.engines.pipelines.definition import StepDefinition

CACHEABLE: frozenset[str] = frozenset()
"""Kinds of steps that take a cached result."""


def parts(step: StepDefinition, arguments: Document, digests: Mapping[str, str]) -> dict[str, str]:
    """Return the key of a step with resolved arguments and the digests of the S3 URIs that it reads."""
    raise NotImplementedError(step, arguments, digests)


def reads(step: StepDefinition, arguments: Document) -> tuple[str, ...]:
    """Return the S3 URIs that a step with resolved arguments reads: those `parts` wants the digests of."""
    raise NotImplementedError(step, arguments)


def missed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of the parts that are not the same, in order."""
    raise NotImplementedError(before, now)


def oldest(expire_after: str | None, now: datetime) -> datetime | None:
    """Return the earliest end of a result that may still be taken; None where any may."""
    raise NotImplementedError(expire_after, now)
