"""A database of the tests' own and kinds to keep in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.databases import opened

from clary.core.clock import Clock, StoppedClock
from clary.core.document import Document
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.records import Record, Records

ACCOUNT = "000000000000"
REGION = "us-east-1"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def records(directory: Path, clock: Clock | None = None) -> Records:
    """Open the records of one account in a directory."""
    database = opened(directory / "clary.db")
    return Records(database, clock or StoppedClock(NOON)).scoped(ACCOUNT, REGION)


def job(store: Records, name: str, **members: object) -> Record:
    """Create a training job with little in it, due at once."""
    doc: Document = {"TrainingJobName": name, "RoleArn": "arn:aws:iam::000000000000:role/R", **members}
    return store.create(TRAINING_JOB, doc, due=store.clock.now())
