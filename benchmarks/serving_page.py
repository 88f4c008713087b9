"""Keeps docs/serving-measured.md: Clary beside the Python serving frameworks, as `serving_peers` measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import ROOT, Figure
from benchmarks.measured import machine

PAGE = ROOT / "docs" / "serving-measured.md"
CALLERS = (1, 8, 64)
ROUNDS, SECONDS = 3, 1.2
RATIOS = {1: 1.5, 8: 3.0, 64: 5.0}
"""By callers: how many times the best peer's requests a second Clary is to answer."""
FLOOR, OURS = "bare uvicorn", "Clary"
INTRODUCTION = """# Serving, measured beside its peers

Written by `make bench` (`python -m benchmarks --write serving_peers serving_load`). One-row predictions of
the same models by Clary, through its signed public API, and by Python serving frameworks, each in an
environment of its own. Everyone has one worker and one thread in it. All servers of a model stand at once;
rounds of {seconds} s take turns, {rounds} at each load, and medians are told. Peers that are not asked are
stopped (SIGSTOP) meanwhile; Ray Serve and PyTriton, which do not bear it, and Clary are never. Before a
server is timed, its answers to 64 rows, asked for at once, must be the model's own. The bare uvicorn app is
no peer but a floor: it does nothing except call the model.

A peer that can batch was first tried both ways at each load and then timed in the better: "b" marks
batches. Requests wait there 1 ms at most for others (MLServer, LitServe, TorchServe) or not at all
(PyTriton, Ray Serve); BentoML decides by itself. Access logs and metrics are off where they can be. A row
of 30 numbers is CSV, in JSON where the server takes nothing else (MLServer, LitServe, BentoML), binary for
PyTriton. Ray Serve has its HAProxy and its throughput settings. Peers and floor call `predict` of
scikit-learn's pipeline; Clary's image answers small tables by the same arithmetic without scikit-learn's
checks, which is a part of its lead there. CPU is that of all processes of the server, a request. Times are in
milliseconds.
"""
MODELS = {
    "xgboost": "XGBoost, 100 trees of depth 4",
    "scikit-learn": "scikit-learn, a pipeline of StandardScaler and LogisticRegression (script mode)",
    "onnx": "ONNX, a network of 30, 64, 64 and 1",
}


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


@dataclass(frozen=True, kw_only=True)
class LeftOut(Figure):
    """A server that does not run here, and its reason."""


@dataclass(frozen=True, kw_only=True)
class Ratio(Figure):
    """Clary held against the best peer at one load; `what` is compared."""

    model: str
    callers: int
    what: str


@dataclass(frozen=True, kw_only=True)
class Own(Figure):
    """A figure of Clary's serving alone, which the page shows beside the comparison."""


def compared(cells: Sequence[Cell]) -> Iterator[Ratio]:
    """Hold Clary against the best of the peers, model by model and load by load."""
    for model in dict.fromkeys(cell.model for cell in cells):
        for callers in CALLERS:
            here = {cell.server: cell for cell in cells if (cell.model, cell.callers) == (model, callers)}
            peers = [cell for name, cell in here.items() if name not in (OURS, FLOOR)]
            if OURS not in here or not peers:
                continue
            best = max(peers, key=lambda cell: cell.value)
            quick = min(peers, key=lambda cell: cell.p99)
            yield Ratio(
                name=f"{model}, {callers} callers: times the best peer",
                value=here[OURS].value / best.value,
                unit="x",
                target=RATIOS[callers],
                at_least=True,
                floor=f"{best.server}: {best.value:,.0f}/s; here {here[OURS].value:,.0f}/s",
                model=model,
                callers=callers,
                what="requests a second",
            )
            yield Ratio(
                name=f"{model}, {callers} callers: p99 beside the least",
                value=here[OURS].p99 / quick.p99,
                unit="x",
                target=1.0,
                floor=f"{quick.server}: {quick.p99:.2f} ms; here {here[OURS].p99:.2f} ms",
                model=model,
                callers=callers,
                what="p99",
            )


def write(figures: Iterable[Figure], page: Path = PAGE) -> None:
    """Write the page anew from a run that measured every peer; leave it as it is after any other."""
    known = list(figures)
    if any(isinstance(figure, Cell) for figure in known):
        page.write_text(text(known))


def text(figures: Sequence[Figure]) -> str:
    """Return the page."""
    cells = [figure for figure in figures if isinstance(figure, Cell)]
    parts = [INTRODUCTION.format(rounds=ROUNDS, seconds=SECONDS), _circumstances(figures, cells)]
    ratios = [figure for figure in figures if isinstance(figure, Ratio)]
    parts += ["## Clary and the best of the peers\n", *_ratios(ratios), ""]
    for model in dict.fromkeys(cell.model for cell in cells):
        parts += [
            f"## {MODELS.get(model, model)}\n",
            *_table([each for each in cells if each.model == model]),
        ]
        parts += [""]
    parts += ["## Versions, and how long until the first answer\n", *_started(figures)]
    if own := [figure for figure in figures if isinstance(figure, Own)]:
        parts += ["", "## Clary alone\n", *_own(own)]
    return "\n".join(parts) + "\n"


def _circumstances(figures: Sequence[Figure], cells: Sequence[Cell]) -> str:
    load = next((figure.value for figure in figures if figure.name == "load average before"), 0.0)
    spent = [cell.generator for cell in cells]
    return (
        f"Measured on {machine()}; load average before it began: {load:.1f}. The load generator, one thread\n"
        f"on the same cores, took {min(spent):.0f} to {max(spent):.0f} µs of CPU a request.\n"
    )


def _ratios(ratios: Sequence[Ratio]) -> Iterator[str]:
    yield "| Model | Callers | Compared | Clary ÷ best peer | Target | In figures |"
    yield "|---|---:|---|---:|---:|---|"
    for each in ratios:
        told = f"{each.value:.2f}" if each.met else f"**{each.value:.2f}**"
        target = f"{'≥' if each.at_least else '≤'} {each.target:g}"
        yield f"| {each.model} | {each.callers} | {each.what} | {told} | {target} | {each.floor} |"
    yield "\nWhat misses its target is **bold**. Differences under 20 % mean nothing."


def _table(cells: Sequence[Cell]) -> Iterator[str]:
    """One row a server: for each load requests a second, p50, p99 and CPU."""
    heads = [f"{n} caller{'s' if n > 1 else ''}: a second | p50 | p99 | CPU µs" for n in CALLERS]
    yield f"| Server | {' | '.join(heads)} |"
    yield "|---|" + "---:|" * 4 * len(CALLERS)
    for server in dict.fromkeys(cell.server for cell in cells):
        here = {cell.callers: cell for cell in cells if cell.server == server}
        yield f"| {server} | {' | '.join(_quarter(here[n]) if n in here else ' | | |' for n in CALLERS)} |"


def _quarter(cell: Cell) -> str:
    batches = " b" if cell.setting == "batched" else ""
    return f"{cell.value:,.0f}{batches} | {cell.p50:.2f} | {cell.p99:.2f} | {cell.cpu:.0f}"


def _started(figures: Iterable[Figure]) -> Iterator[str]:
    yield "| Server | Version | Ready after |"
    yield "|---|---|---:|"
    for each in figures:
        if isinstance(each, Started):
            yield f"| {each.server} | {each.version or 'this one'} | {each.value:.1f} s |"
    for each in figures:
        if isinstance(each, LeftOut):
            yield f"| {each.name} | did not run here: {each.floor.replace('|', '/')} | |"
    yield "\nFor Clary that is `clary up`, the model's upload, CreateModel to InService, and an answer."


def _own(figures: Iterable[Own]) -> Iterator[str]:
    yield "| Figure | Value | Target | Beside it |"
    yield "|---|---:|---:|---|"
    for each in figures:
        told = f"{each.value:,.3f} {each.unit}".replace(".000 ", " ")
        target = "" if each.target is None else f"{'≥' if each.at_least else '≤'} {each.target:g}"
        shown = f"**{told}**" if each.met is False else told
        yield f"| {each.name.strip()} | {shown} | {target} | {each.floor} |"
