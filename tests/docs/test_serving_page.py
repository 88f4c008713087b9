"""The page of Clary's serving beside its peers: ratios and rows from figures, and a row for everybody."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contestants import FLOOR, PEER_LIST
from benchmarks.harness import Figure
from benchmarks.serving_clary import SERVED
from benchmarks.serving_page import CALLERS, MODELS, PAGE, Cell, LeftOut, Own, Started, compared, write


def cell(server: str, rate: float, p99: float, callers: int = 8, setting: str = "") -> Cell:
    return Cell(
        name=f"xgboost, {callers} callers, {server}",
        value=rate,
        unit="/s",
        server=server,
        model="xgboost",
        callers=callers,
        p50=1.0,
        p99=p99,
        cpu=300,
        generator=7,
        setting=setting,
    )


def test_clary_is_held_against_the_best_peer_of_each_load_and_not_against_the_floor() -> None:
    cells = [cell("bare uvicorn", 9000, 0.1), cell("FastAPI", 1000, 4), cell("MLServer", 500, 2)]
    rate, p99 = compared([*cells, cell("Clary", 3500, 3), cell("Clary", 1, 1, callers=64)])
    assert (rate.value, rate.met, rate.floor) == (3.5, True, "FastAPI: 1,000/s; here 3,500/s")
    assert (p99.value, p99.met, p99.floor) == (1.5, False, "MLServer: 2.00 ms; here 3.00 ms")


def test_figures_become_the_page_and_a_run_without_peers_leaves_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    cells = [cell("FastAPI", 1000, 4), cell("PyTriton", 3000, 2, 64, "batched"), cell("Clary", 2000, 3)]
    write(
        [
            Figure(name="load average before", value=0.3, unit=""),
            Started(name="FastAPI ready after", value=1.23, unit="s", server="FastAPI", version="0.165.0"),
            LeftOut(name="TorchServe", value=0, unit="rows", floor="no such file | java"),
            *cells,
            *compared(cells),
            Own(name="OverheadLatency p99 at half load", value=6.5, unit="ms", target=3, floor="900/s"),
        ],
        page,
    )
    told = page.read_text()
    assert "load average before it began: 0.3" in told and "took 7 to 7 µs" in told
    assert "| xgboost | 8 | requests a second | **2.00** | ≥ 3 | FastAPI: 1,000/s; here 2,000/s |" in told
    assert "| xgboost | 8 | p99 | 0.75 | ≤ 1 | FastAPI: 4.00 ms; here 3.00 ms |" in told
    assert "| FastAPI |  | | | | 1,000 | 1.00 | 4.00 | 300 |  | | | |" in told
    assert "| PyTriton |  | | | |  | | | | 3,000 b | 1.00 | 2.00 | 300 |" in told
    assert "| FastAPI | 0.165.0 | 1.2 s |" in told
    assert "| TorchServe | did not run here: no such file / java | |" in told
    assert "| OverheadLatency p99 at half load | **6.500 ms** | ≤ 3 | 900/s |" in told
    write([Figure(name="startup, warm", value=0.1, unit="s")], page)
    assert page.read_text() == told


def test_every_model_that_is_measured_has_a_title() -> None:
    assert set(SERVED) == set(MODELS)


def test_the_page_has_a_table_for_each_model_and_a_row_for_everybody() -> None:
    told = PAGE.read_text()
    for title in MODELS.values():
        table = told.partition(f"## {title}\n")[2].partition("\n## ")[0]
        for name in ("Clary", FLOOR.name, *(peer.name for peer in PEER_LIST)):
            assert f"| {name} | " in table or f"| {name} | did not run here" in told, f"{title}: {name}"
    assert all(f"| {callers} | requests a second |" in told for callers in CALLERS)
