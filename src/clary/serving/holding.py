"""Calls that met no host wait here while the first one starts; the first of them sets that off.

So do those whose only host was lost and is being replaced.

A call that meets a host never comes here. However many wait, one of them writes, once in a while; whether a
host came is found out by one look at the database's change counter for all. evidence/autoscaling.md
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from clary.core import wake
from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import TryAgain
from clary.resources.application_autoscaling.scalable_target import SCALABLE_TARGET
from clary.resources.inference.endpoint import ENDPOINT
from clary.serving.endpoints import SERVING
from clary.store.changes import Glance
from clary.store.records import Records

LONGEST = 55.0  # Seconds that a call waits; clients give up after 60.
MOST = 1024  # Calls that wait at once in one process.
MOST_DEATHS = 3  # Ends of hosts in a row after which nobody waits for the next one.
_AGAIN = 5.0  # Seconds until it is asked for again.
_PAUSE = 0.02  # Seconds between two looks.
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_log = logging.getLogger(__name__)

Place: TypeAlias = tuple[str, str, str]
"""Account, region and endpoint."""


class Holding:
    """Those who wait in one gateway process. Everything but `_ask` happens on one event loop."""

    def __init__(self, records: Records, changes: Glance, clock: Clock, bell: Path) -> None:
        self._records, self._changes, self._clock, self._bell = records, changes, clock, bell
        self._waiting: set[asyncio.Future[None]] = set()
        self._asked: dict[tuple[Place, str], tuple[float, asyncio.Future[bool]]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._seen = 0

    async def stirs(self, place: Place, variants: Sequence[str], began: float) -> bool:
        """Return True once endpoints may have changed; False where no host of these variants will come.

        `began` is when the call arrived, by `time.perf_counter()`.
        """
        loop = asyncio.get_running_loop()
        left = began + LONGEST - time.perf_counter()
        if left <= 0 or len(self._waiting) >= MOST:
            return False
        waiting: asyncio.Future[None] = loop.create_future()
        if self._watching is None or self._watching.done():
            self._seen = self._changes.generation(ENDPOINT)
            self._watching = loop.create_task(self._watch())
        self._waiting.add(waiting)
        try:
            if not await self._ask(place, variants):
                return False
            await asyncio.wait([waiting], timeout=min(left, _AGAIN))
        finally:
            self._waiting.discard(waiting)
        return True

    async def _ask(self, place: Place, variants: Sequence[str]) -> bool:
        """Ask for a host, unless somebody did a moment ago; tell whether one may come."""
        loop = asyncio.get_running_loop()
        key = (place, "/".join(variants))
        at, asking = self._asked.get(key, (0.0, None))
        if asking is None or loop.time() - at > _AGAIN:
            self._asked = {
                each: found for each, found in self._asked.items() if loop.time() - found[0] <= _AGAIN
            }
            asking = loop.run_in_executor(None, self._want, place, variants)
            self._asked[key] = loop.time(), asking
        return await asyncio.shield(asking)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            if not self._waiting:
                return
            self._changes.look(time.perf_counter())
            generation = self._changes.generation(ENDPOINT)
            if generation != self._seen:
                self._seen = generation
                for waiting in self._waiting:
                    if not waiting.done():
                        waiting.set_result(None)

    def _want(self, place: Place, variants: Sequence[str]) -> bool:
        try:
            if _replaced(self._records, place, variants):
                return True
            target = want(self._records, place, variants, self._clock.now())
        except TryAgain as slow:
            _log.warning("a call waits for a host of %s, which is asked for again: %s", place[2], slow)
            return True
        if target:
            wake.send(self._bell, target)
        return bool(target)


def want(records: Records, place: Place, variants: Sequence[str], now: datetime) -> str:
    """Write down that somebody waits for a host of one of these variants.

    Return the uid of the scalable target that is to bring one; empty where none may.
    """
    account, region, endpoint = place
    records = records.scoped(account, region)
    keys = [f"sagemaker/{_DIMENSION}/endpoint/{endpoint}/variant/{variant}" for variant in variants]
    if not any(_may_grow(records, key) for key in keys):
        return ""
    with records.database.write():
        key = next((key for key in keys if _may_grow(records, key)), "")
        target = records.find(SCALABLE_TARGET, key)
        if target is None:
            return ""
        records.update(target, {"_Asked": now}, due=now, touch=False)
    return target.uid


def _replaced(records: Records, place: Place, variants: Sequence[str]) -> bool:
    """Say whether hosts of these variants are wanted, and have not kept ending."""
    account, region, name = place
    found = records.scoped(account, region).find(ENDPOINT, name)
    doc: Document = found.doc if found else {}
    if doc.get("EndpointStatus") not in SERVING or doc.get("_Deaths", 0) > MOST_DEATHS or doc.get("_Ailing"):
        return False
    wanted = doc.get("_Wanted", {}).get("Variants", ())
    return any(each["VariantName"] in variants and each.get("Count", 0) for each in wanted)


def _may_grow(records: Records, key: str) -> bool:
    found = records.find(SCALABLE_TARGET, key)
    doc: Document = found.doc if found else {}
    suspended = doc.get("SuspendedState", {}).get("DynamicScalingOutSuspended", False)
    return bool(doc.get("MaxCapacity")) and not suspended
