"""Searches the tasks with optuna, in an environment of its own.

`python -m benchmarks.optuna_search SAMPLER SEEDS` prints, as JSON, by task the best cost of every seed.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks.tuning_tasks import TASKS, TRIALS, Task


def main() -> None:
    """Search every task once a seed."""
    import optuna  # type: ignore[import-not-found]  # it is in the other environment only

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    make, seeds = getattr(optuna.samplers, sys.argv[1]), int(sys.argv[2])
    found: dict[str, list[float]] = {}
    for name, task in TASKS.items():
        for seed in range(seeds):
            study = optuna.create_study(sampler=make(seed=seed))
            study.optimize(lambda trial, task=task: task.cost(_suggested(task, trial)), n_trials=TRIALS)
            found.setdefault(name, []).append(study.best_value)
    print(json.dumps(found))


def _suggested(task: Task, trial: Any) -> Mapping[str, str]:
    tuned: dict[str, str] = {}
    for each in task.ranges.get("ContinuousParameterRanges", ()):
        name, low, high = each["Name"], float(each["MinValue"]), float(each["MaxValue"])
        if each["ScalingType"] == "ReverseLogarithmic":
            spot = trial.suggest_float(name, -math.log1p(-low), -math.log1p(-high))
            tuned[name] = repr(-math.expm1(-spot))
        else:
            log = each["ScalingType"] == "Logarithmic"
            tuned[name] = repr(trial.suggest_float(name, low, high, log=log))
    for each in task.ranges.get("IntegerParameterRanges", ()):
        log = each["ScalingType"] == "Logarithmic"
        tuned[each["Name"]] = str(
            trial.suggest_int(each["Name"], int(each["MinValue"]), int(each["MaxValue"]), log=log)
        )
    for each in task.ranges.get("CategoricalParameterRanges", ()):
        tuned[each["Name"]] = trial.suggest_categorical(each["Name"], each["Values"])
    return tuned


if __name__ == "__main__":
    main()
