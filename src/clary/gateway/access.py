"""The access log: one JSON line a call to an endpoint, in files that take turns.

Calls leave it a tuple and go on; every second what came is formatted and written on a thread of the pool.
What a killed process had not yet written is lost, and what comes faster than it can be kept is counted.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

MOST_WAITING = 100_000
"""Lines that wait to be written; more of them are dropped, and counted in a line of their own."""

FILES = 5
"""Files that the log is cut into: the one that is written, and four before it."""

INFERENCE_ID = b"x-amzn-sagemaker-inference-id"

_ALIKE = ("sourceIp", "account", "caller", "operation", "endpoint", "variant", "host", "status", "error")
_log = logging.getLogger(__name__)


class Access(NamedTuple):
    """What one call leaves behind. Times are in seconds; `variant` is empty where none was chosen."""

    at: datetime
    request_id: str
    source: str
    account: str
    caller: str
    operation: str
    resource: str
    variant: str
    host: str
    status: int
    error: str
    sent: int
    answered: int
    model: float
    whole: float
    inference_id: bytes


class AccessLog:
    """The access log of one gateway process. `most` is how many bytes it takes with the files before it."""

    def __init__(self, path: Path, most: int, pool: Executor, most_waiting: int = MOST_WAITING) -> None:
        self._path, self._most, self._pool, self._most_waiting = path, most, pool, most_waiting
        self._waiting: list[Access] = []
        self._dropped = 0

    def add(self, access: Access) -> None:
        """Take note of a call; returns at once."""
        if len(self._waiting) < self._most_waiting:
            self._waiting.append(access)
        else:
            self._dropped += 1

    async def write(self) -> None:
        """Write what came since the last time."""
        waiting, self._waiting = self._waiting, []
        dropped, self._dropped = self._dropped, 0
        if waiting:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._write, waiting, dropped)

    def _write(self, waiting: list[Access], dropped: int) -> None:
        text = "".join(lines(waiting))
        if dropped:
            text += json.dumps({"time": waiting[-1].at.isoformat(), "dropped": dropped}) + "\n"
        try:
            with self._path.open("a", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(text)
                size = file.tell()
            if size > self._most // FILES:
                self._turn()
        except OSError as error:
            _log.error("%d calls are missing in %s: %s", len(waiting) + dropped, self._path, error)

    def _turn(self) -> None:
        """Begin a new file; the oldest goes."""
        names = [self._path, *(self._path.with_suffix(f".{number}.jsonl") for number in range(1, FILES))]
        for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
            if newer.exists():
                newer.replace(older)


def lines(accesses: list[Access]) -> list[str]:
    """Write calls as lines. Latencies are in microseconds, as CloudWatch's are."""
    second, begins, found = -1, "", []
    for each in accesses:
        at, model = each[0], int(each[13] * 1e6)
        if at.second != second:  # which costs more than all the rest
            second, begins = at.second, f"{at:%Y-%m-%dT%H:%M:%S}"
        more = f',"inferenceId":{json.dumps(each[15].decode("latin-1"))}' if each[15] else ""
        found.append(
            f'{{"time":"{begins}.{at.microsecond // 1000:03}Z","requestId":"{each[1]}",{_alike(each[2:11])},'
            f'"bytesIn":{each[11]},"bytesOut":{each[12]},"modelLatency":{model},'
            f'"overheadLatency":{int(each[14] * 1e6) - model}{more}}}\n'
        )
    return found


@functools.lru_cache(maxsize=1 << 12)
def _alike(values: tuple[str | int, ...]) -> str:
    """Write what most calls have in common with others."""
    return json.dumps(dict(zip(_ALIKE, values, strict=True)), separators=(",", ":"))[1:-1]
