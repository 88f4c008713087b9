"""The multi-model hosts of one gateway process, and what happened to their models."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeAlias

from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import TryAgain
from clary.serving.connection import BadAnswer, HostLost
from clary.serving.models.counts import Counts
from clary.serving.models.fetching import Fetching, Prefix
from clary.serving.models.many import Many
from clary.store.metrics import Columns, Metrics, Series
from clary.store.metrics.store import STANDARD, subject_of
from clary.store.objects import Objects
from clary.store.times import micros

Place: TypeAlias = tuple[str, str, str, str]
"""Account, region, endpoint and variant."""

NAMESPACE = "AWS/SageMaker"
_log = logging.getLogger(__name__)


class Models:
    """Makes hosts of many models, and reports of them."""

    def __init__(self, objects: Objects, allowed: Callable[[str, str, str], bool], jobs: Path) -> None:
        self.fetching = Fetching(objects, allowed, jobs)
        self._hosts: dict[str, tuple[Place, Many]] = {}
        self._counts: dict[Place, Counts] = {}

    def host(self, place: Place, uid: str, socket: Path, told: Document, most: int) -> Many:
        """Return a host, as the endpoint's record tells of it."""
        prefix = Prefix(told["Prefix"], told["Role"], told["Kept"])
        counts = self._counts.setdefault(place, Counts())
        many = Many(uid, socket, prefix, self.fetching, counts, most)
        self._hosts[uid] = place, many
        return many

    async def take(self) -> list[tuple[Place, Counts]]:
        """Return what was counted since the last time, with a look at how many models each host has."""
        for uid, (place, many) in list(self._hosts.items()):
            if not many.socket.exists():
                del self._hosts[uid]
                continue
            try:
                self._counts.setdefault(place, Counts()).present[await many.present()] += 1
            except (HostLost, BadAnswer, TimeoutError):
                continue
        taken = [
            (place, counts) for place, counts in self._counts.items() if any(c for *_, c in counts.told())
        ]
        self._counts = {}
        for place, many in self._hosts.values():
            many.counts = self._counts.setdefault(place, Counts())
        return taken


class ModelReporter:
    """Writes the metrics of multi-model endpoints for one gateway process."""

    def __init__(self, models: Models, metrics: Metrics, clock: Clock, pool: Executor) -> None:
        self._models, self._metrics, self._clock, self._pool = models, metrics, clock, pool

    async def report(self) -> None:
        """Write what was counted since the last report."""
        at = micros(self._clock.now()) // 1_000_000 * 1000
        batch = [each for place, counts in await self._models.take() for each in points(place, counts, at)]
        if batch:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._write, batch)

    def _write(self, batch: Sequence[tuple[Series, Columns]]) -> None:
        try:
            self._metrics.put(batch)
        except (TryAgain, OSError) as error:
            _log.warning("the metrics of multi-model endpoints of the last seconds are lost: %s", error)


def points(place: Place, counts: Counts, at: int) -> list[tuple[Series, Columns]]:
    """Say one variant's counts as points of CloudWatch's metrics, all at one time in milliseconds."""
    account, region, endpoint, variant = place
    subject = subject_of([("EndpointName", endpoint), ("VariantName", variant)])
    found: list[tuple[Series, Columns]] = []
    for name, unit, counted in counts.told():
        columns = Columns.empty("qdd")
        for value, count in sorted(counted.items()):
            columns.append(at, float(value), count)
        if counted:
            found.append((Series(account, region, NAMESPACE, name, subject, unit, STANDARD), columns))
    return found
