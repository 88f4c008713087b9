"""What a variant was asked and how long it took, counted as the calls end.

Latencies are counted by their value in whole microseconds, rounded to a 512th of themselves: that is finer
than they are measured, and keeps whatever a server lives to see of them small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypedDict

_KEPT_BITS = 9


class Summary(TypedDict):
    """One variant's figures since the process started; latencies in microseconds."""

    Invocations: int
    Errors: int
    OverheadLatency: dict[str, int]
    ModelLatency: dict[str, int]


class Loaded(Protocol):
    """A host, of which it is known how many calls it works on."""

    @property
    def load(self) -> int: ...


@dataclass
class Calls:
    """The calls of one stretch of time."""

    statuses: Counter[int] = field(default_factory=Counter)  # what the caller was told
    hosts: Counter[int] = field(default_factory=Counter)  # how many hosts there were, call by call
    overhead: Counter[int] = field(default_factory=Counter)  # microseconds
    model: Counter[int] = field(default_factory=Counter)
    under_way: Counter[float] = field(default_factory=Counter)  # calls at one moment, by host

    def add(self, other: Calls) -> None:
        """Add the calls of another stretch."""
        self.statuses.update(other.statuses)
        self.hosts.update(other.hosts)
        self.overhead.update(other.overhead)
        self.model.update(other.model)
        self.under_way.update(other.under_way)


class Tally:
    """One variant's calls. Only the event loop's thread comes here."""

    def __init__(self) -> None:
        self._serving: Sequence[Loaded] = ()
        self.hosts = 0  # how many serve the variant just now
        self._before = Calls()
        self._fresh = Calls()

    def add(self, overhead: float, model: float, status: int) -> None:
        """Count one call by its seconds and by the status that its caller is told."""
        fresh = self._fresh
        fresh.statuses[status] += 1
        fresh.hosts[self.hosts] += 1
        fresh.overhead[rounded(overhead)] += 1
        fresh.model[rounded(model)] += 1

    def serve(self, hosts: Sequence[Loaded]) -> None:
        """Take note of who serves the variant from now on."""
        self._serving, self.hosts = hosts, len(hosts)

    def sample(self, processes: int) -> None:
        """Note how many calls are under way by host, as if so many processes had as many each."""
        if self._serving:
            under_way = sum(host.load for host in self._serving)
            self._fresh.under_way[under_way * processes / len(self._serving)] += 1

    def take(self) -> Calls | None:
        """Return the calls since the last time; None where there were none."""
        fresh, self._fresh = self._fresh, Calls()
        if not fresh.statuses and not any(fresh.under_way):
            return None
        self._before.add(fresh)
        return fresh

    def total(self) -> Calls:
        """Return all calls since the process started."""
        whole = Calls()
        whole.add(self._before)
        whole.add(self._fresh)
        return whole

    def summary(self) -> Summary:
        """Return totals and percentiles."""
        whole = self.total()
        return {
            "Invocations": whole.statuses.total(),
            "Errors": sum(count for status, count in whole.statuses.items() if status >= 400),
            "OverheadLatency": _percentiles(whole.overhead),
            "ModelLatency": _percentiles(whole.model),
        }


def rounded(seconds: float) -> int:
    """Return seconds as microseconds of at most nine binary digits that count."""
    micros = int(seconds * 1e6)
    shift = micros.bit_length() - _KEPT_BITS
    return micros if shift <= 0 else (micros + (1 << (shift - 1))) >> shift << shift


def _percentiles(counted: Counter[int]) -> dict[str, int]:
    last, found, seen = counted.total() - 1, {}, 0
    wanted = [(f"p{share}", last * share // 100) for share in (50, 90, 99, 100)] if counted else []
    for value, count in sorted(counted.items()):
        seen += count
        while wanted and wanted[0][1] < seen:
            found[wanted.pop(0)[0]] = value
    return found
