"""Forgets what was counted of endpoints and variants that are no more, a while after it was last reported."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor

from clary.resources.inference.endpoint import ENDPOINT
from clary.serving.endpoints import Place
from clary.serving.router import Router
from clary.store.records import Records

EVERY = 60.0
"""Seconds from one look to the next."""


class Pruner:
    """That of one gateway process."""

    def __init__(self, router: Router, records: Records, pool: Executor) -> None:
        self._tallies, self._records, self._pool = router.tallies, records, pool
        self._gone: set[Place] = set()

    async def prune(self) -> None:
        """Forget what was gone at the last look too."""
        before, loop = self._gone, asyncio.get_running_loop()
        self._gone = await loop.run_in_executor(self._pool, self._missing, [*self._tallies])
        for place in before & self._gone:
            self._tallies.pop(place, None)

    def _missing(self, places: Iterable[Place]) -> set[Place]:
        return {place for place in places if place[3] not in self._variants(*place[:3])}

    def _variants(self, account: str, region: str, name: str) -> set[str]:
        """Return the variants that an endpoint has, or is to have."""
        record = self._records.scoped(account, region).find(ENDPOINT, name)
        doc = record.doc if record else {}
        told = {each["Variant"] for each in doc.get("_Hosts", ())}
        configs = (doc.get("_Serving"), doc.get("_Wanted"))
        return told | {each["VariantName"] for config in configs if config for each in config["Variants"]}
