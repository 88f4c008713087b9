"""Settles requests together: one transaction, and one wait for the disk, for all that ended meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

from clary.core.errors import ApiError
from clary.serving.asynchronous.doors import Doors
from clary.serving.asynchronous.settlement import Settlement

MOST = 64
"""Requests of one transaction; each waits for all."""

_ENTRIES, _BYTES = 10, 200_000  # of messages that a topic is told at a time; it takes 262,144


class Settling:
    """Takes what ended and settles it in turn. Only the event loop's thread comes here."""

    def __init__(self, doors: Doors, pool: Executor) -> None:
        self._doors, self._pool = doors, pool
        self._waiting: list[tuple[Settlement, asyncio.Future[None]]] = []
        self._more = asyncio.Event()

    async def settle(self, one: Settlement) -> None:
        """Return once a request is settled; raise what keeps it from being so now."""
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, settled))
        self._more.set()
        await settled

    async def run(self) -> None:
        """Settle what waits, for good."""
        loop = asyncio.get_running_loop()
        while await self._more.wait():
            some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not self._waiting:
                self._more.clear()
            errors = await loop.run_in_executor(self._pool, settle, self._doors, [one for one, _ in some])
            for (_, settled), error in zip(some, errors, strict=True):
                if settled.done():  # whoever waited was told to stop
                    continue
                if error:
                    settled.set_exception(error)
                else:
                    settled.set_result(None)


def settle(doors: Doors, some: Sequence[Settlement]) -> list[Exception | None]:
    """Settle requests in one transaction; where that fails, each alone. Return what each failed by."""
    try:
        for one in some:
            if not one.prepared:
                one.prepare()
        with doors.records.database.write():
            mine = [one for one in some if one.write()]
            _note(doors, mine, _tell(doors, mine))
    except Exception as error:  # nothing was written; each alone, so that one's fault is not the others'
        return [error] if len(some) == 1 else [found for one in some for found in settle(doors, [one])]
    for one in some:
        one.measure()
    return [None] * len(some)


def _tell(doors: Doors, some: Sequence[Settlement]) -> dict[Settlement, str]:
    """Tell the topics; return of which requests they could not be told, and why."""
    by_topic: dict[tuple[str, str, str], list[Settlement]] = defaultdict(list)
    for one in some:
        if found := one.topic:
            by_topic[found].append(one)
    untold: dict[Settlement, str] = {}
    for (role, region, topic), told in by_topic.items():
        why = _why_not(doors, role, topic)
        for group in _groups([(one, json.dumps(one.message())) for one in told]):
            messages = [message for _, message in group]
            failed = [why] * len(group) if why else doors.publish(role, region, topic, messages)
            for (one, _), reason in zip(group, failed, strict=True):
                if reason:
                    untold[one] = f" The topic {topic} could not be told: {reason}"
    return untold


def _why_not(doors: Doors, role: str, topic: str) -> str:
    try:
        if doors.allowed(role, "sns:Publish", topic):
            return ""
    except ApiError as error:
        return error.message
    return f"the role {role} is not authorized to perform: sns:Publish on resource: {topic}"


def _groups(told: Sequence[tuple[Settlement, str]]) -> Iterator[list[tuple[Settlement, str]]]:
    """Yield messages as many at a time as a topic takes."""
    group: list[tuple[Settlement, str]] = []
    size = 0
    for one, message in told:
        if group and (len(group) == _ENTRIES or size + len(message) > _BYTES):
            yield group
            group, size = [], 0
        group.append((one, message))
        size += len(message)
    if group:
        yield group


def _note(doors: Doors, some: Sequence[Settlement], untold: dict[Settlement, str]) -> None:
    """Leave each request's line in its endpoint's data log."""
    now = doors.now()
    by_stream: dict[tuple[str, str, str, str], list[tuple[int, str]]] = defaultdict(list)
    for one in some:
        place, line = one.line(untold.get(one, ""))
        by_stream[place].append((now, line))
    for (account, region, group, stream), lines in by_stream.items():
        doors.logs.put(account, region, group, stream, lines)
