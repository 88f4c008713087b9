"""Keeps docs/pipelines-measured.md: pipelines, processing and experiments, beside peers and floors.

A row is a figure as the table of a run shows it; a run that measured only some leaves the others as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.harness import ROOT, Figure, load_average
from benchmarks.measured import machine

PAGE = ROOT / "docs" / "pipelines-measured.md"
PARTS = {
    "Pipelines": r"chain of |\d+ (conditions|cached|no-op)",
    "Processing": r"processing ",
    "Experiments": r"BatchPutMetrics|points in|Search, |BatchGetMetrics",
}
"""Which figures belong where."""

INTRODUCTION = """# Pipelines, processing and experiments, measured

Written by `python -m benchmarks --write pipelines pipeline_peers processing_start experiments`. A step's own
process is what it starts: a container with `true` in it here, a bare `true` in the peers. What counts is the
time a step takes beyond it. Clary is durable to the last step: each one is on disk, synced, before the next
begins, and goes through the same signed and audited calls as a user's. The peers run as fast as they can:
Prefect's tasks are functions in the flow's process and are told to its server (SQLite, synchronous=NORMAL)
while the next one runs; Airflow runs them by `dag.test`, without a scheduler. All take turns in one run; what
misses its target is **bold**. The machine was shared: a load average above 2 is more than its cores can do,
and a figure beside one of 15 is mostly the wait for a turn.
"""
HEAD = "| | | target | beside |\n|---|---:|---:|---|"
ROW = re.compile(r"^\| ([^|*]+?) \| (?=[\d*]).*\|$", re.M)


def write(figures: Iterable[Figure], page: Path = PAGE) -> None:
    """Bring the page up to date with some of its figures."""
    made = {figure.name: _row(figure) for figure in figures if _part(figure.name)}
    if not made:
        return
    before = page.read_text() if page.exists() else ""
    rows = {match[1]: match[0] for match in ROW.finditer(before)}
    page.write_text(text({**_without_old_peers(rows, made), **made}))


def text(rows: Mapping[str, str]) -> str:
    """Return the page."""
    parts = [INTRODUCTION, f"Measured on {machine()}.\n"]
    for part in PARTS:
        mine = [row for name, row in rows.items() if _part(name) == part]
        parts += [f"## {part}\n", HEAD, *mine, ""] if mine else []
    return "\n".join(parts)


def _without_old_peers(rows: Mapping[str, str], made: Mapping[str, str]) -> dict[str, str]:
    """Leave out a peer's earlier version."""
    again = {re.sub(r" [\d.]+$", "", name) for name in made}
    return {name: row for name, row in rows.items() if re.sub(r" [\d.]+$", "", name) not in again - {name}}


def _part(name: str) -> str:
    return next((part for part, pattern in PARTS.items() if re.match(pattern, name)), "")


def _row(figure: Figure) -> str:
    value = f"{figure.value:,.0f}" if figure.value >= 1000 else f"{figure.value:.3g}"
    shown = f"**{value} {figure.unit}**" if figure.met is False else f"{value} {figure.unit}"
    bound = "" if figure.target is None else f"{'≥' if figure.at_least else '≤'} {figure.target:,g}"
    load = "" if "load average" in figure.floor else f"load average {load_average()} at the end"
    beside = "; ".join(filter(None, (figure.floor, load)))
    return f"| {figure.name} | {shown} | {bound} | {beside} |"
