"""Tuning jobs end to end: real processes train, and boto3 asks what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.crash.site import Site
from tests.crash.tuned import Tuned


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tuned]:
    """One server for all tests here; they keep apart by the names of their tuning jobs."""
    site = Site(tmp_path_factory.mktemp("tuned"))
    try:
        yield Tuned(site)
    finally:
        site.down()


def test_random_search_runs_its_trials_two_at_a_time_and_names_the_best(tuned: Tuned) -> None:
    arn = tuned.create("plain", jobs=3, config={"RandomSeed": 1}, Tags=[{"Key": "of", "Value": "plain"}])
    told = tuned.ended("plain")
    assert told["HyperParameterTuningJobStatus"] == "Completed"
    assert told["TrainingJobStatusCounters"]["Completed"] == 3
    assert told["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
    trials = tuned.trials("plain", SortBy="FinalObjectiveMetricValue", MaxResults=2)
    assert [each["TrainingJobName"][:-8] for each in tuned.trials("plain")] == [
        "plain-001-",
        "plain-002-",
        "plain-003-",
    ]
    assert trials[0] == told["BestTrainingJob"]
    for each in trials:
        x = float(each["TunedHyperParameters"]["x"])
        assert each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == pytest.approx(
            (x - 3) ** 2, abs=1e-5
        )
    job = tuned.sagemaker.describe_training_job(TrainingJobName=trials[0]["TrainingJobName"])
    assert job["TuningJobArn"] == arn
    assert job["HyperParameters"]["_tuning_objective_metric"] == "loss"
    tags = tuned.sagemaker.list_tags(ResourceArn=trials[0]["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "of", "Value": "plain"}]


def test_the_same_seed_draws_the_same_hyperparameters(tuned: Tuned) -> None:
    for name in ("seed-a", "seed-b"):
        tuned.create(name, jobs=2, config={"RandomSeed": 7})
    for name in ("seed-a", "seed-b"):
        tuned.ended(name)
    drawn = [[each["TunedHyperParameters"] for each in tuned.trials(name)] for name in ("seed-a", "seed-b")]
    assert drawn[0] == drawn[1]


def test_a_grid_tries_every_combination_once(tuned: Tuned) -> None:
    values = [{"Name": "letter", "Values": ["a", "b", "c"]}]
    tuned.create("grid", strategy="Grid", jobs=3, ranges={"CategoricalParameterRanges": values})
    told = tuned.ended("grid")
    assert [each["TunedHyperParameters"]["letter"] for each in tuned.trials("grid")] == ["a", "b", "c"]
    assert told["BestTrainingJob"]["TunedHyperParameters"] == {"letter": "a"}


def test_stopping_stops_the_trials_and_then_the_job(tuned: Tuned) -> None:
    tuned.create("stopped", environment={"HELD": "1"}, jobs=5)
    tuned.site.until(lambda: len(tuned.trials("stopped")) == 2, "two trials begin")
    tuned.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    told = tuned.ended("stopped")
    assert told["HyperParameterTuningJobStatus"] == "Stopped"
    assert told["TrainingJobStatusCounters"]["Stopped"] == 2
    assert [each["TrainingJobStatus"] for each in tuned.trials("stopped", StatusEquals="Stopped")] == [
        "Stopped"
    ] * 2


def test_a_job_of_which_nothing_succeeds_fails_and_says_why(tuned: Tuned) -> None:
    tuned.create("hopeless", static={"fails": "1"}, jobs=2)
    told = tuned.ended("hopeless")
    assert told["HyperParameterTuningJobStatus"] == "Failed"
    assert told["FailureReason"].startswith("No training job succeeded after 2 attempts.")
    assert "exit code: 3" in told["FailureReason"]
    assert told["TrainingJobStatusCounters"]["NonRetryableError"] == 2
    tuned.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName="hopeless")


def test_bayesian_search_ends_at_its_target(tuned: Tuned) -> None:
    criteria = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 1.0}, "RandomSeed": 3}
    tuned.create("target", strategy="Bayesian", jobs=30, config=criteria)
    told = tuned.ended("target")
    assert told["HyperParameterTuningJobStatus"] == "Completed"
    assert told["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] <= 1.0
    assert len(tuned.trials("target")) < 30


def test_a_warm_start_knows_what_its_parent_found(tuned: Tuned) -> None:
    tuned.create("parent", strategy="Bayesian", jobs=5, config={"RandomSeed": 1})
    parent = tuned.ended("parent")
    start: dict[str, Any] = {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}]}
    start |= {"WarmStartType": "IdenticalDataAndAlgorithm"}
    tuned.create("child", strategy="Bayesian", jobs=2, WarmStartConfig=start, config={"RandomSeed": 2})
    child = tuned.ended("child")
    values = [_value(each["BestTrainingJob"]) for each in (parent, child)]
    best = child["OverallBestTrainingJob"]
    assert _value(best) == min(values)
    if values[0] < values[1]:
        assert best["TuningJobName"] == "parent"
    assert values[1] < 4.0  # with five trials known, the first of its own is already near


def test_early_stopping_stops_a_trial_worse_than_the_median(tuned: Tuned) -> None:
    values = [{"Name": "x", "Values": ["3", "3.5", "4", "90"]}]
    tuned.create(
        "median",
        strategy="Grid",
        jobs=4,
        parallel=1,
        ranges={"CategoricalParameterRanges": values},
        static={"epochs": "5", "far": "5"},
        config={"TrainingJobEarlyStoppingType": "Auto"},
    )
    told = tuned.ended("median")
    assert told["TrainingJobStatusCounters"] == {
        "Completed": 3,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 1,
    }
    (stopped,) = tuned.trials("median", StatusEquals="Stopped")
    assert stopped["TunedHyperParameters"] == {"x": "90"}
    assert stopped["ObjectiveStatus"] == "Succeeded"


def test_hyperband_stops_what_is_behind_at_a_rung_and_what_has_used_the_most(tuned: Tuned) -> None:
    values = [{"Name": "x", "Values": ["3", "4", "60"]}]
    tuned.create(
        "hyperband",
        strategy="Hyperband",
        jobs=3,
        parallel=1,
        ranges={"CategoricalParameterRanges": values},
        static={"epochs": "27", "waits": "27", "far": "3"},
        config={
            "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 3, "MaxResource": 27}},
            "RandomSeed": 6,  # it draws 60 last: nobody is behind fewer than two others
        },
    )
    told = tuned.ended("hyperband")
    assert told["HyperParameterTuningJobStatus"] == "Completed"
    assert told["TrainingJobStatusCounters"]["Stopped"] == 3
    found = {each["TunedHyperParameters"]["x"]: _value(each) for each in tuned.trials("hyperband")}
    assert found["3"] == pytest.approx(1 / 27, abs=1e-5)  # the best one went on until it had used the most
    assert found["60"] == pytest.approx(57**2 + 1 / 3, abs=1e-5)


def test_several_definitions_share_the_trials_and_the_best_of_all_is_named(tuned: Tuned) -> None:
    objective = {"Type": "Minimize", "MetricName": "loss"}
    ranges = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "10"}]}
    definitions = [
        {
            **tuned.definition({"letter": letter}),
            "DefinitionName": f"letter-{letter}",
            "TuningObjective": objective,
            "HyperParameterRanges": ranges,
        }
        for letter in "ac"
    ]
    tuned.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="several",
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
            "RandomSeed": 4,
        },
        TrainingJobDefinitions=definitions,
    )
    told = tuned.ended("several")
    trials = tuned.trials("several", SortBy="FinalObjectiveMetricValue")
    assert sorted(each["TrainingJobDefinitionName"] for each in trials) == ["letter-a"] * 2 + ["letter-c"] * 2
    assert told["BestTrainingJob"] == trials[0]
    assert [each["DefinitionName"] for each in told["TrainingJobDefinitions"]] == ["letter-a", "letter-c"]


def test_autotune_finds_a_range_around_a_hint(tuned: Tuned) -> None:
    hints = {"AutoParameters": [{"Name": "x", "ValueHint": "4.5"}, {"Name": "letter", "ValueHint": "b"}]}
    tuned.create("hinted", jobs=2, ranges=hints, Autotune={"Mode": "Enabled"})
    told = tuned.ended("hinted")
    assert told["HyperParameterTuningJobStatus"] == "Completed"
    for each in tuned.trials("hinted"):
        assert each["TunedHyperParameters"].keys() == {"x"}
        assert 0.45 <= float(each["TunedHyperParameters"]["x"]) <= 45
    assert told["TrainingJobDefinition"]["StaticHyperParameters"]["letter"] == "b"


def _value(trial: dict[str, Any]) -> float:
    value: float = trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    return value
