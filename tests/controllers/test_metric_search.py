"""Whatever expression a caller writes, the controller goes on."""

from __future__ import annotations

from datetime import UTC, datetime

from clary.controllers.training.metric_search import search
from clary.controllers.training.metrics import last_values

AT = 1_793_534_400_000
HANGS = {"Name": "hangs", "Regex": "(a+)+$"}
LOSS = {"Name": "loss", "Regex": "loss=([0-9.]+)"}


def test_every_value_of_each_metric_is_found() -> None:
    found, remark = search([LOSS], [(AT, "loss=2"), (AT + 1000, 'a "quoted" \n\u2028 ü loss=0.5'), (AT, "x")])
    assert found == {"loss": [(AT, 2.0), (AT + 1000, 0.5)]}
    at = datetime.fromtimestamp(AT // 1000 + 1, UTC)
    assert last_values([HANGS, LOSS], found) == [{"MetricName": "loss", "Value": 0.5, "Timestamp": at}]
    assert remark == ""


def test_an_expression_without_end_costs_only_its_own_metric() -> None:
    found, remark = search([HANGS, LOSS], [(AT, "a" * 5000 + "!"), (AT, "loss=1"), (AT, "a" * 5000 + "!")])
    assert list(found) == ["loss"]
    assert remark.startswith("no metric hangs: the regular expression took more than 0.5 s over one line")


def test_a_search_that_takes_too_long_is_given_up_as_a_whole() -> None:
    found, remark = search([HANGS], [(AT, "a" * 5000 + "!")], patience=0.3)
    assert (found, remark) == ({}, "no metrics: searching the log for them took more than 0.3 s")
