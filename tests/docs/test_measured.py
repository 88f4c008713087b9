"""The page of measured algorithms: rows from figures, others kept, and one for every case there is."""

from __future__ import annotations

from pathlib import Path

from benchmarks.builtin_algorithms import CASES
from benchmarks.harness import Figure
from benchmarks.measured import DATA, PAGE, ROW, write


def figure(what: str, value: float, floor: str, target: float = 1.15) -> Figure:
    return Figure(name=f"kmeans, points, {what}", value=value, unit="times", target=target, floor=floor)


def test_figures_become_a_row_and_other_rows_stay(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    write([Figure(name="pca, digits, memory", value=0.9, unit="times", floor="10 MiB")], page)
    first = page.read_text()
    assert "| pca | digits | not compared | not compared | 0.90 | 10 MiB |" in first
    write([figure("metric", 1.001, "a 1"), figure("time", 1.3, "b 2"), figure("memory", 1.0, "c 3")], page)
    second = page.read_text()
    assert "| kmeans | points | 1.0010 | **1.30** | 1.0000 | a 1; b 2; c 3 |\n| pca | digits |" in second
    assert second.count("| Algorithm |") == 1
    assert DATA["digits"] in second and DATA["points"] in second
    write([Figure(name="startup, warm", value=0.1, unit="s")], page)
    assert page.read_text() == second


def test_the_page_has_a_row_for_each_case() -> None:
    rows = {(match[1], match[2]) for match in ROW.finditer(PAGE.read_text())}
    assert {(case.image, case.data) for case in CASES} <= rows
    assert {data for _, data in rows} <= DATA.keys()
