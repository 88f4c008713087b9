"""Keeps docs/builtin-algorithms-measured.md: each built-in algorithm beside its library, as measured.

A row is made of the figures `<algorithm>, <data>, metric`, `…, time` and `…, memory`; a run that measured
only some of the algorithms leaves the other rows as they are.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.harness import ROOT, Figure

PAGE = ROOT / "docs" / "builtin-algorithms-measured.md"
PARTS = ("metric", "time", "memory")
DATA = {
    "patches": "patches of 3 by 3 points of scikit-learn's two sample photographs, 271,040 rows: which one",
    "points": "the 273,280 points of scikit-learn's first sample photograph",
    "anomalies": "30,000 of the patches",
    "digits": "scikit-learn's digits, 1,797 rows",
    "diabetes": "scikit-learn's diabetes, 442 rows",
    "pictures": "scikit-learn's digits as PNG files of 32 by 32 points in colour, 1,797 of them",
    "foods": "5,000 reviews of fine foods (modeldata): great, or other",
    "stations": "riders a day of 20 of Chicago's stations in five years (modeldata): the last 12 fortnights",
    "sentences": "the sentences of 4,000 of these reviews; the metric is WordSimilarity-353",
}
INTRODUCTION = """# The built-in algorithms, measured

Written by `make bench` (`python -m benchmarks --write`). Each algorithm's program, as its image runs it, and
its reference library called directly read the same files in the same kind of environment, several times in
turn; the best of each counts. All figures are ratios: how many times better the library's metric is, and how
many times its processor time and its memory (the most that was resident) the algorithm takes. The targets are
1.01, 1.15 and 1.3; what misses its target is **bold**. By the clock, both share the machine with others.
"""
NOTES = """
Factorization machines have no open library to be held against: Ridge says what a linear model reaches on the
same rows, and its time is no target. PCA's components are compared by its tests, not here. DeepAR's metrics
are means over seeds, ± their standard deviation; its library is GluonTS's PyTorch DeepAR.
"""
HEAD = "| Algorithm | Data | Metric | CPU | Memory | In figures |\n|---|---|---:|---:|---:|---|"
ROW = re.compile(r"^\| ([a-z][\w-]*) \| (\w+) \| .*\|$", re.M)


def write(figures: Iterable[Figure], page: Path = PAGE) -> None:
    """Bring the page up to date with the figures of some of the algorithms."""
    before = page.read_text() if page.exists() else ""
    rows = {(match[1], match[2]): match[0] for match in ROW.finditer(before)}
    page.write_text(text({**rows, **made(figures)}))


def made(figures: Iterable[Figure]) -> dict[tuple[str, str], str]:
    """Return a row for each algorithm and data set of the figures."""
    found: dict[tuple[str, str], dict[str, Figure]] = {}
    for figure in figures:
        match = re.fullmatch(r"([\w-]+), (\w+), (\w+)", figure.name)
        if match and match[3] in PARTS:
            found.setdefault((match[1], match[2]), {})[match[3]] = figure
    return {key: _row(*key, parts) for key, parts in found.items()}


def text(rows: Mapping[tuple[str, str], str]) -> str:
    """Return the page."""
    sets = [f"- `{name}`: {DATA[name]}." for name in sorted({data for _, data in rows} & DATA.keys())]
    parts = [
        INTRODUCTION,
        f"Measured on {machine()}.\n",
        "\n".join([HEAD, *(rows[key] for key in sorted(rows))]),
        "\nThe data:\n",
        "\n".join(sets),
    ]
    return "\n".join(parts) + "\n" + NOTES


def machine() -> str:
    """Describe the machine, without a date."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.M)
    gibibytes = round(int(memory[1]) / 2**20) if memory else 0
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores ({model[1] if model else platform.machine()}), {gibibytes} GiB of memory"


def _row(algorithm: str, data: str, parts: Mapping[str, Figure]) -> str:
    cells = [_ratio(parts[part]) if part in parts else "not compared" for part in PARTS]
    floors = "; ".join(parts[part].floor for part in PARTS if part in parts)
    return f"| {algorithm} | {data} | {' | '.join(cells)} | {floors} |"


def _ratio(figure: Figure) -> str:
    told = f"{figure.value:.2f}" if abs(figure.value - 1) >= 0.01 else f"{figure.value:.4f}"
    return f"**{told}**" if figure.met is False else told
