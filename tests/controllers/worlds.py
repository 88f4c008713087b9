"""A small world for tests of controllers: a real store, a staged runtime, a clock that is told the time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.controllers.doubles import StagedRuntime
from tests.databases import kept, opened

from clary.controllers.loop import LEASE, Loop
from clary.controllers.means import Means
from clary.controllers.step import Controller
from clary.core.clock import StoppedClock
from clary.core.settings import Home, Settings
from clary.store.logs import Logs
from clary.store.metrics import Metrics
from clary.store.objects import Objects
from clary.store.records import Record, Records

ACCOUNT, REGION = "000000000000", "us-east-1"
NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"


@dataclass
class World:
    """Everything a controller meets."""

    root: Path
    clock: StoppedClock
    records: Records
    means: Means
    runtime: StagedRuntime

    @classmethod
    def make(cls, root: Path) -> World:
        """Build an empty world with one bucket, `box`."""
        clock = StoppedClock(NOON)
        settings = Settings(home=Home(root), cache=root / "cache", port=9)
        database = opened(settings.home.database)
        records = Records(database, clock).scoped(ACCOUNT, REGION)
        objects = kept(Objects(database, settings.home.objects, clock))
        objects.create_bucket("box", account=ACCOUNT, region=REGION)
        runtime = StagedRuntime(root / "jobs")
        means = Means(
            runtime=runtime,
            records=records,
            objects=objects,
            logs=Logs(database, clock),
            metrics=Metrics(database, clock),
            settings=settings,
            token=lambda uid, role: f"token of {uid}",
            allowed=lambda role, action, resource: not resource.endswith("/secret"),
            call=lambda caller, region, operation, request, more: {},
            call_as=lambda role, region, operation, request, more: {},
        )
        return cls(root, clock, records, means, runtime)

    def reread(self, record: Record) -> Record:
        """Return a record as it is now."""
        found = self.records.by_uid(record.uid)
        assert found is not None
        return found

    def tend(
        self, controllers: Sequence[Controller], owner: str = "a", *, records: Records | None = None
    ) -> int:
        """Let a loop take one step with everything that is due."""
        loop = Loop(records or self.records, controllers, self.clock, owner=owner)
        return asyncio.run(loop.tend())

    def later(self, delay: timedelta = timedelta(seconds=1)) -> None:
        """Let time pass."""
        self.clock.at += delay

    def log(self, group: str) -> list[str]:
        """Return every message of a group's streams."""
        streams = self.means.logs.streams(ACCOUNT, REGION, group, limit=50)
        return [message for stream in streams for _, message in self._events(group, stream.name)]

    def _events(self, group: str, stream: str) -> list[tuple[int, str]]:
        from clary.controllers.logs import Stream, events

        return list(events(self.means.logs, Stream(ACCOUNT, REGION, group, stream)))


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


class DyingRecords(Records):
    """Records of a controller that is killed just before its `at`-th write, after the effect was done.

    To delete a record is a write as well.
    """

    def __init__(self, records: Records, at: int) -> None:
        super().__init__(records.database, records.clock, records.account, records.region)
        self.left = at

    def settle(self, *args: object, **kwargs: object) -> Record:
        """Die, when the time has come."""
        if self.left == 0:
            raise Killed
        self.left -= 1
        return super().settle(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    def delete(self, record: Record) -> None:
        """Die, when the time has come."""
        if self.left == 0:
            raise Killed
        self.left -= 1
        super().delete(record)


LEASE_OVER = LEASE + timedelta(milliseconds=1)
