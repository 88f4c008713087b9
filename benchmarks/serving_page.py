"""Keeps docs/serving-measured.md: Clary beside the Python serving frameworks, as `serving_peers` measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.harness import ROOT, Figure

PAGE = ROOT / "docs" / "serving-measured.md"
CALLERS = (1, 8, 64)
RATIOS = {1: 1.5, 8: 3.0, 64: 5.0}
"""By callers: how many times the best peer's requests a second Clary is to answer."""
FLOOR, OURS = "bare uvicorn", "Clary"


@dataclass(frozen=True, kw_only=True)
class Cell(Figure):
    """One server, model and load; times in ms, CPU in µs a request, of the server and of the generator."""

    server: str
    model: str
    callers: int
    p50: float
    p99: float
    cpu: float
    generator: float
    setting: str = ""

    def __post_init__(self) -> None:
        told = f"p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms, {self.cpu:.0f} µs CPU"
        object.__setattr__(self, "floor", f"{told}{f', {self.setting}' if self.setting else ''}")


@dataclass(frozen=True, kw_only=True)
class Started(Figure):
    """How long a server took from its start to its first answer, and its version."""

    server: str
    version: str


def compared(cells: Sequence[Cell]) -> Iterator[Figure]:
    """Hold Clary against the best of the peers, model by model and load by load."""
    for model in dict.fromkeys(cell.model for cell in cells):
        for callers in CALLERS:
            here = {cell.server: cell for cell in cells if (cell.model, cell.callers) == (model, callers)}
            peers = [cell for name, cell in here.items() if name not in (OURS, FLOOR)]
            if OURS not in here or not peers:
                continue
            best = max(peers, key=lambda cell: cell.value)
            quick = min(peers, key=lambda cell: cell.p99)
            yield Figure(
                name=f"{model}, {callers} callers: times the best peer",
                value=here[OURS].value / best.value,
                unit="x",
                target=RATIOS[callers],
                at_least=True,
                floor=f"{best.server}: {best.value:,.0f}/s; here {here[OURS].value:,.0f}/s",
            )
            yield Figure(
                name=f"{model}, {callers} callers: p99 beside the least",
                value=here[OURS].p99 / quick.p99,
                unit="x",
                target=1.0,
                floor=f"{quick.server}: {quick.p99:.2f} ms; here {here[OURS].p99:.2f} ms",
            )
