"""What calls to serverless endpoints cost: a REPORT line each in the log of their environment, and metrics.

A gateway process writes them every few seconds; one that is killed takes its last seconds' lines with it.
evidence/serverless.md
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeAlias

from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import TryAgain
from clary.serving.reporting import NAMESPACE, columns
from clary.store.logs import Logs
from clary.store.metrics import Columns, Metrics, Series
from clary.store.metrics.store import STANDARD, subject_of
from clary.store.record import Record
from clary.store.times import micros

GROUP = "/aws/sagemaker/Endpoints"
_NONE, _COUNT, _MICROSECONDS, _MILLISECONDS = "None", "Count", "Microseconds", "Milliseconds"
_log = logging.getLogger(__name__)

Values: TypeAlias = dict[tuple[str, str], Counter[float]]
"""How often a metric, by name and unit, had each value."""


@dataclass(kw_only=True)
class Bill:
    """One call. `setup` are the seconds until its environment was there, if that had to be made for it."""

    at: int  # milliseconds since 1970
    variant: str
    config: Document
    concurrency: int  # calls under way when it came, itself among them
    sent: int
    received: int = 0
    environment: str = ""
    provisioned: bool = False
    setup: float = 0.0
    seconds: float = 0.0

    @property
    def billed(self) -> int:
        """The milliseconds to pay for."""
        return math.ceil(round(self.seconds * 1e3, 3))

    def line(self) -> str:
        """Return what the log says of the call."""
        memory = self.config["MemorySizeInMB"]
        told = [
            f"REPORT Duration: {self.seconds * 1e3:.2f} ms",
            f"Billed Duration: {self.billed} ms",
            f"Memory Size: {memory} MB",
            f"Billed: {self.billed * memory / 1024 / 1e3:.6f} GB-seconds",
            f"In: {self.sent} bytes",
            f"Out: {self.received} bytes",
        ]
        if self.setup:
            told.append(f"Setup Duration: {self.setup * 1e3:.2f} ms")
        return "\t".join(told)


@dataclass
class Book:
    """The calls of one endpoint since the last report."""

    endpoint: Record
    bills: list[Bill] = field(default_factory=list)

    def add(self, bill: Bill) -> None:
        """Take note of a call that is over."""
        self.bills.append(bill)

    def take(self) -> list[Bill]:
        """Return the calls, and begin anew."""
        taken, self.bills = self.bills, []
        return taken


class Bills:
    """Tells of the calls of one gateway process."""

    def __init__(
        self, books: Callable[[], list[Book]], logs: Logs, metrics: Metrics, clock: Clock, pool: Executor
    ) -> None:
        self._books, self._logs, self._metrics, self._clock, self._pool = books, logs, metrics, clock, pool

    async def report(self) -> None:
        """Write what was called since the last report."""
        taken = [(book.endpoint, bills) for book in self._books() if (bills := book.take())]
        if taken:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._write, taken)

    def _write(self, taken: Sequence[tuple[Record, list[Bill]]]) -> None:
        at = micros(self._clock.now()) // 1_000_000 * 1000
        try:
            for endpoint, bills in taken:
                group = f"{GROUP}/{endpoint.name}"
                for stream, events in _lines(bills).items():
                    self._logs.put(endpoint.account, endpoint.region, group, stream, events)
                self._metrics.put([*points(endpoint, bills, at)])
        except (TryAgain, OSError) as error:
            _log.warning("what the last seconds' serverless calls cost is lost: %s", error)


def points(endpoint: Record, bills: Sequence[Bill], at: int) -> Iterator[tuple[Series, Columns]]:
    """Say calls as points of CloudWatch's metrics, all at one time in milliseconds."""
    for name in sorted({bill.variant for bill in bills}):
        subject = subject_of([("EndpointName", endpoint.name), ("VariantName", name)])
        for (metric, unit), counted in measured([bill for bill in bills if bill.variant == name]).items():
            series = Series(endpoint.account, endpoint.region, NAMESPACE, metric, subject, unit, STANDARD)
            yield series, columns(counted, at)


def measured(bills: Sequence[Bill]) -> Values:
    """Return every metric of these calls."""
    found: Values = {}

    def add(name: str, unit: str, value: float) -> None:
        found.setdefault((name, unit), Counter())[value] += 1

    for bill in bills:
        most, provisioned = bill.config["MaxConcurrency"], bill.config.get("ProvisionedConcurrency", 0)
        add("ServerlessConcurrentExecutionsUtilization", _NONE, bill.concurrency / most)
        if provisioned:
            add("ServerlessProvisionedConcurrencyExecutions", _COUNT, bill.concurrency)
            add("ServerlessProvisionedConcurrencyUtilization", _NONE, bill.concurrency / provisioned)
        if not bill.environment:
            continue
        add("BilledDuration", _MILLISECONDS, bill.billed)
        if bill.setup:
            add("ModelSetupTime", _MICROSECONDS, round(bill.setup * 1e6))
        if provisioned:
            add("ServerlessProvisionedConcurrencyInvocations", _COUNT, float(bill.provisioned))
            add("ServerlessProvisionedConcurrencySpilloverInvocations", _COUNT, float(not bill.provisioned))
    return found


def _lines(bills: Sequence[Bill]) -> Mapping[str, list[tuple[int, str]]]:
    """Return the lines by the environment's log stream, in the order of time."""
    found: dict[str, list[tuple[int, str]]] = {}
    for bill in sorted(bills, key=lambda bill: bill.at):
        if bill.environment:
            found.setdefault(f"{bill.variant}/{bill.environment}", []).append((bill.at, bill.line()))
    return found
