"""Whatever expression a caller writes, the controller goes on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from clary.controllers.training.metric_search import Searcher

AT = 1_793_534_400_000
HANGS = {"Name": "hangs", "Regex": "(a+)+$"}
LOSS = {"Name": "loss", "Regex": "loss=([0-9.]+)"}


@pytest.fixture
def searcher() -> Iterator[Searcher]:
    found = Searcher()
    yield found
    found.close()


def test_every_value_of_each_metric_is_found(searcher: Searcher) -> None:
    lines = [(AT, "loss=2"), (AT + 1000, 'a "quoted" \n\u2028 ü loss=0.5'), (AT, "x")]
    found = searcher.search([LOSS], lines)
    assert found.points == {"loss": [(AT, 2.0), (AT + 1000, 0.5)]}
    assert found.remark == ""


def test_an_expression_without_end_costs_only_its_own_metric(searcher: Searcher) -> None:
    lines = [(AT, "a" * 5000 + "!"), (AT, "loss=1"), (AT, "a" * 5000 + "!")]
    found = searcher.search([HANGS, LOSS], lines)
    assert list(found.points) == ["loss"]
    assert found.remark.startswith(
        "no metric hangs: the regular expression took more than 0.5 s over one line"
    )


def test_a_search_that_takes_too_long_is_given_up_as_a_whole(searcher: Searcher) -> None:
    found = searcher.search([HANGS], [(AT, "a" * 5000 + "!")], patience=0.01)  # far less than a line's time
    assert found.points == {}
    assert found.remark == "no metrics: searching the log for them took more than 0.01 s"


def test_one_process_serves_search_after_search_and_is_replaced_when_it_hangs(searcher: Searcher) -> None:
    lines = [(AT, f"loss={number}") for number in range(5000)]
    assert len(searcher.search([LOSS], lines).points["loss"]) == 5000
    assert searcher.search([LOSS], [(AT, "loss=7")]).points == {"loss": [(AT, 7.0)]}
    hung = searcher.search([HANGS], [(AT, "a" * 5000 + "!")], patience=0.2)
    assert (hung.points, hung.given_up) == ({}, ("hangs",))
    assert searcher.search([LOSS], [(AT, "loss=8")]).points == {"loss": [(AT, 8.0)]}


def test_any_number_of_threads_search_at_once(searcher: Searcher) -> None:
    def once(number: int) -> object:
        return searcher.search([LOSS], [(AT, f"loss={number}")]).points

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(once, range(24)))
    assert found == [{"loss": [(AT, float(number))]} for number in range(24)]
