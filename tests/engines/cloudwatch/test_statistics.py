"""Statistics against what a plain computation says."""

from __future__ import annotations

import random
import statistics

import pytest

from clary.engines.cloudwatch.statistics import Samples, parse

DICE = random.Random(3)  # noqa: S311 - the same samples in every run
VALUES = [DICE.gauss(100, 20) for _ in range(1000)]


def tell(name: str, samples: Samples) -> float | None:
    statistic = parse(name)
    assert statistic is not None
    return statistic(samples)


def of(*values: float) -> Samples:
    samples = Samples()
    samples.add_values(values)
    return samples


@pytest.mark.parametrize("percent", [1, 25, 50, 90, 99, 99.9])
def test_a_percentile_is_the_inclusive_quantile(percent: float) -> None:
    expected = statistics.quantiles(VALUES, n=1000, method="inclusive")[round(percent * 10) - 1]
    assert tell(f"p{percent}", of(*VALUES)) == pytest.approx(expected)


def test_a_value_with_a_count_is_so_many_values() -> None:
    counted, single = Samples(), of(1, 1, 1, 5, 5, 9)
    counted.add_values([1.0, 5.0, 9.0], [3.0, 2.0, 1.0])
    for name in ("Average", "Sum", "SampleCount", "p10", "p50", "p95", "tm90", "ts50", "TC(2:)", "IQM"):
        assert tell(name, counted) == pytest.approx(tell(name, single)), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tm90", 5.0),
        ("TM(10%:90%)", 5.5),
        ("TM(2:4)", 3.5),
        ("TC(2:4)", 2.0),
        ("TS(:3)", 6.0),
        ("PR(:5)", 50.0),
        ("ts50", 15.0),
        ("tc50", 5.0),
        ("wm90", 5.4),
        ("IQM", 5.5),
    ],
)
def test_trimmed_statistics_of_one_to_ten(name: str, value: float) -> None:
    assert tell(name, of(*range(1, 11))) == pytest.approx(value)


def test_percentiles_of_a_statistic_set_are_not_known() -> None:
    samples = of(1.0)
    samples.add_sets([10.0], [4.0], [1.0], [6.0])
    assert tell("p50", samples) is None
    assert tell("Average", samples) == pytest.approx(11 / 5)
    assert (tell("Minimum", samples), tell("Maximum", samples)) == (1.0, 6.0)


@pytest.mark.parametrize(
    "name", ["", "p", "p101", "average", "TM(5)", "TM(:)", "TM(1.2.3:4)", "WM(1:2)", "q9"]
)
def test_what_is_no_statistic_is_known_as_none(name: str) -> None:
    assert parse(name) is None
