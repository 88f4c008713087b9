"""When a tuning job has found enough: its target, no progress, or convergence."""

from __future__ import annotations

from collections.abc import Sequence

from clary.core.document import Document
from clary.engines.tuning.trials import ENDED, FINAL, cost_of, value_of

WORTH = 0.01  # An improvement of 1 % or less is none: the API reference says so.
LEAST_CONVERGED = (
    10  # Trials without one before anything is called converged; AWS keeps its number to itself.
)


def not_improving(trials: Sequence[Document]) -> int:
    """Return how many trials have ended since one that improved the best objective by more than 1 %."""
    best: float | None = None
    since = 0
    for trial in _in_order(trials):
        cost = cost_of(trial)
        if cost is not None and (best is None or best - cost > WORTH * abs(best)):
            best, since = cost, 0
        else:
            since += 1
    return since


def converged(trials: Sequence[Document]) -> bool:
    """Say whether the second half of the trials, at least ten of them, improved nothing."""
    ended = len(_in_order(trials))
    return not_improving(trials) >= max(LEAST_CONVERGED, (ended + 1) // 2)


def complete(config: Document, trials: Sequence[Document]) -> bool:
    """Say whether one of the criteria that a tuning job was given is met."""
    criteria = config.get("TuningJobCompletionCriteria", {})
    target = criteria.get("TargetObjectiveMetricValue")
    if target is not None and any(_reaches(trial, target) for trial in trials):
        return True
    patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
    if patience is not None and not_improving(trials) >= patience:
        return True
    convergence = criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence")
    return convergence == "Enabled" and converged(trials)


def _reaches(trial: Document, target: float) -> bool:
    value = value_of(trial)
    if value is None:
        return False
    return value >= target if trial[FINAL].get("Type") == "Maximize" else value <= target


def _in_order(trials: Sequence[Document]) -> list[Document]:
    ended = [trial for trial in trials if trial["TrainingJobStatus"] in ENDED]
    return sorted(
        ended, key=lambda trial: (trial.get("TrainingEndTime", trial["CreationTime"]), trial["_Number"])
    )
