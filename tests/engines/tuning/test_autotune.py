"""Autotune: ranges around hints, recommended ones, and what stays as it is."""

from __future__ import annotations

from clary.core.document import Document
from clary.engines.tuning.autotune import jobs, resolved
from clary.engines.tuning.space import names
from clary.engines.tuning.strategy import limit


def definition(hints: dict[str, str], image: str = "mine") -> Document:
    given = [{"Name": name, "ValueHint": hint} for name, hint in hints.items()]
    return {
        "HyperParameterRanges": {"AutoParameters": given} if given else {},
        "AlgorithmSpecification": {"TrainingImage": image},
    }


def test_a_range_goes_tenfold_below_and_above_its_hint() -> None:
    ranges = resolved(definition({"rate": "0.01", "depth": "6", "share": "0.8"}))["HyperParameterRanges"]
    found = {
        each["Name"]: (float(each["MinValue"]), float(each["MaxValue"]))
        for kind in ranges.values()
        for each in kind
    }
    assert found == {"rate": (0.001, 0.1), "depth": (1, 60), "share": (0.08, 1.0)}
    assert [each["Name"] for each in ranges["IntegerParameterRanges"]] == ["depth"]


def test_what_is_no_positive_number_stays_as_it_was_hinted() -> None:
    found = resolved(definition({"kernel": "rbf", "zero": "0", "rate": "0.1"}))
    assert found["StaticHyperParameters"] == {"kernel": "rbf", "zero": "0"}
    assert names(found["HyperParameterRanges"]) == ["rate"]


def test_a_known_algorithm_has_recommended_ranges_for_what_is_not_static() -> None:
    given = {**definition({}, "sagemaker-xgboost:1.7-1"), "StaticHyperParameters": {"eta": "0.2"}}
    searched = names(resolved(given)["HyperParameterRanges"])
    assert "eta" not in searched
    assert {"max_depth", "num_round", "subsample"} <= set(searched)


def test_the_number_of_jobs_follows_from_the_number_of_parameters() -> None:
    assert [jobs(count) for count in (1, 3, 30)] == [20, 30, 100]
    config = {"Strategy": "Random", "ResourceLimits": {}}
    job = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": definition({"x": "0.1"})}
    assert limit({**job, "Autotune": {"Mode": "Enabled"}}) == 20
