"""docs/pipelines-measured.md is what its benchmarks write."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import Figure
from benchmarks.pipelines_page import PAGE, ROW, text, write


def test_the_page_is_as_it_is_written() -> None:
    page = PAGE.read_text()
    rows = {match[1]: match[0] for match in ROW.finditer(page)}
    assert any(name.startswith("chain of 40, a step beyond its process, Prefect") for name in rows)
    lines = text(rows).splitlines()
    kept = [line for line in page.splitlines() if not line.startswith("Measured on")]
    assert [line for line in lines if not line.startswith("Measured on")] == kept


def test_a_run_that_measured_some_leaves_the_others(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    chain, old = "20 cached steps", "chain of 40, a step beyond its process, Prefect 3.7.2"
    write([Figure(name=chain, value=0.4, unit="s", target=1), Figure(name=old, value=30, unit="ms")], page)
    new = "chain of 40, a step beyond its process, Prefect 3.8.0"
    write([Figure(name=new, value=31, unit="ms"), Figure(name="startup", value=1, unit="s")], page)
    rows = {match[1]: match[0] for match in ROW.finditer(page.read_text())}
    assert list(rows) == [chain, new]
    write([Figure(name=chain, value=2, unit="s", target=1)], page)
    assert "**2 s**" in page.read_text()
