"""When trials and whole tuning jobs stop."""

from __future__ import annotations

import pytest

from clary.core.document import Document
from clary.engines.tuning.completion import complete, converged, not_improving
from clary.engines.tuning.early_stopping import below_median, bracket_of, brackets, halved, rungs
from clary.engines.tuning.marks import EPOCHS, marks
from clary.engines.tuning.trials import best, counters


def trial(
    number: int, value: float | None, series: tuple[float, ...] = (), status: str = "Completed"
) -> Document:
    final = {"Type": "Minimize", "MetricName": "loss", "Value": value}
    return {
        "_Number": number,
        "_Definition": 0,
        "_Marks": marks(series),
        "TrainingJobStatus": status,
        "CreationTime": number,
        "ObjectiveStatus": "Failed" if value is None else "Succeeded",
        **({} if value is None else {"FinalHyperParameterTuningJobObjectiveMetric": final}),
    }


def test_marks_lie_close_at_first_and_wide_apart_later() -> None:
    assert EPOCHS[:12] == tuple(range(1, 13))
    assert EPOCHS[-1] >= 20_000
    assert len(EPOCHS) < 100
    assert marks([4.0, 2.0]) == [[1.0, 4.0, 4.0], [2.0, 2.0, 3.0]]


@pytest.mark.parametrize(
    ("value", "stops"),
    [(2.9, False), (3.1, True)],  # the means up to epoch 2 are 2, 3 and 4
)
def test_a_trial_worse_than_the_median_of_means_stops(value: float, stops: bool) -> None:
    earlier = [trial(n, 1.0, series) for n, series in enumerate([(3.0, 1.0), (4.0, 2.0), (5.0, 3.0)])]
    assert below_median(marks([9.0, value]), earlier, maximise=False) is stops
    assert below_median(marks([9.0, value]), earlier, maximise=True) is not stops


def test_a_median_of_two_stops_nothing() -> None:
    earlier = [trial(n, 1.0, (1.0,)) for n in range(2)]
    assert not below_median(marks([99.0]), earlier, maximise=False)


def test_hyperband_has_brackets_whose_rungs_grow_threefold() -> None:
    assert brackets(1, 27) == 4
    assert rungs(1, 27, 0) == [1, 3, 9, 27]
    assert rungs(1, 27, 3) == [27]
    given = [bracket_of(number, 1, 27) for number in range(1, 40)]
    assert set(given) == {0, 1, 2, 3}
    assert given.count(0) > given.count(3)


def test_hyperband_keeps_the_best_third_at_a_rung_and_ends_at_the_most() -> None:
    others = [trial(n, None, (float(n),), "InProgress") for n in range(1, 6)]
    assert not halved(marks([0.5]), others, [1, 3], maximise=False)
    assert halved(marks([4.5]), others, [1, 3], maximise=False)
    assert not halved(marks([4.5]), others[:1], [1, 3], maximise=False)  # too few to compare
    assert halved(marks([0.5, 0.5, 0.5]), others, [1, 3], maximise=False)


def test_one_percent_is_no_improvement() -> None:
    assert not_improving([trial(1, 1.0), trial(2, 0.995), trial(3, 0.98), trial(4, None)]) == 1
    assert not converged([trial(n, 1.0) for n in range(1, 11)])
    assert converged([trial(n, 1.0) for n in range(1, 12)])


@pytest.mark.parametrize(
    ("criteria", "done"),
    [
        ({}, False),
        ({"TargetObjectiveMetricValue": 0.9}, False),
        ({"TargetObjectiveMetricValue": 1.0}, True),
        ({"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 11}}, True),
        ({"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 12}}, False),
        ({"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}, True),
        ({"ConvergenceDetected": {"CompleteOnConvergence": "Disabled"}}, False),
    ],
)
def test_criteria_end_the_job(criteria: Document, done: bool) -> None:
    trials = [trial(n, 1.0) for n in range(1, 13)]
    assert complete({"TuningJobCompletionCriteria": criteria}, trials) is done


def test_counters_tell_whose_fault_a_failure_was() -> None:
    ours = {**trial(1, None, status="Failed"), "FailureReason": "InternalServerError: lost"}
    theirs = {**trial(2, None, status="Failed"), "FailureReason": "AlgorithmError: no"}
    told = counters([ours, theirs, trial(3, 1.0), {**trial(4, None, status="Stopping")}])
    assert told["TrainingJobStatusCounters"] == {
        "Completed": 1,
        "InProgress": 1,
        "RetryableError": 1,
        "NonRetryableError": 1,
        "Stopped": 0,
    }
    assert best([trial(1, 2.0), trial(2, 1.0), trial(3, None)]) == trial(2, 1.0)
