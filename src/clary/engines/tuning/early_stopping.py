"""Which running trials are not worth their time: evidence/tuning-jobs.md."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from clary.core.document import Document
from clary.engines.tuning.marks import Mark, at
from clary.engines.tuning.resource import resources
from clary.engines.tuning.trials import ENDED, definitions

LEAST_EARLIER = 3  # A median of fewer says little; AWS does not say how many it waits for.
REDUCTION = 3  # Hyperband lets one of so many on at each rung.


def watched(doc: Document) -> bool:
    """Say whether a tuning job stops trials early, so that their objective is to be followed."""
    config = doc["HyperParameterTuningJobConfig"]
    if config["Strategy"] == "Hyperband":
        return True
    return bool(config.get("TrainingJobEarlyStoppingType") == "Auto")


def steps_of(doc: Document, trial: Document) -> list[int]:
    """Return the epochs at which Hyperband looks at a trial; none for other strategies."""
    config = doc["HyperParameterTuningJobConfig"]
    if config["Strategy"] != "Hyperband":
        return []
    least, most = resources(config, definitions(doc)[trial["_Definition"]])
    most = most or least
    return rungs(least, most, bracket_of(trial["_Number"], least, most))


def hopeless(doc: Document, trial: Document, trials: Sequence[Document]) -> bool:
    """Say whether a running trial is to be stopped, as its tuning job asks."""
    if not watched(doc):
        return False
    index, passed = trial["_Definition"], trial.get("_Marks", [])
    maximise = definitions(doc)[index]["TuningObjective"]["Type"] == "Maximize"
    others = [each for each in trials if each["_Definition"] == index and each is not trial]
    if steps := steps_of(doc, trial):
        return halved(passed, others, steps, maximise=maximise)
    return below_median(passed, others, maximise=maximise)


def below_median(passed: Sequence[Mark], earlier: Sequence[Document], *, maximise: bool) -> bool:
    """Say whether a trial's objective is worse than the median of earlier trials' means up to its epoch."""
    if not passed:
        return False
    epoch, value, _ = passed[-1]
    means = [
        mark[2]
        for trial in earlier
        if trial["TrainingJobStatus"] in ENDED and (mark := at(trial.get("_Marks", []), epoch))
    ]
    if len(means) < LEAST_EARLIER:
        return False
    middle = median(means)
    return value < middle if maximise else value > middle


def rungs(least: int, most: int, bracket: int) -> list[int]:
    """Return the epochs at which Hyperband compares the trials of a bracket; the last is the most."""
    found, epoch = [], least * REDUCTION**bracket
    while epoch < most:
        found.append(epoch)
        epoch *= REDUCTION
    return [*found, most]


def brackets(least: int, most: int) -> int:
    """Return how many brackets there are: the last one trains everything to the end."""
    count = 1
    while least * REDUCTION**count <= most:
        count += 1
    return count


def bracket_of(number: int, least: int, most: int) -> int:
    """Return the bracket of a trial, counted from 1: those that stop most get the larger share."""
    count = brackets(least, most)
    shares = [max(1, round(REDUCTION ** (count - 1 - each) / (each + 1))) for each in range(count)]
    shares = [min(share, 9) for share in shares]
    place = (number - 1) % sum(shares)
    for each, share in enumerate(shares):
        if place < share:
            return each
        place -= share
    return 0


def halved(
    passed: Sequence[Mark], others: Sequence[Document], steps: Sequence[int], *, maximise: bool
) -> bool:
    """Say whether Hyperband stops a trial: it is done, or not of the best third at the last rung it took."""
    if not passed:
        return False
    if passed[-1][0] >= steps[-1]:
        return True
    taken = [step for step in steps[:-1] if step <= passed[-1][0]]
    mark = at(passed, taken[-1]) if taken else None
    if mark is None:
        return False
    rivals = [found[1] for trial in others if (found := at(trial.get("_Marks", []), mark[0]))]
    if len(rivals) + 1 < REDUCTION:
        return False
    better = sum(1 for value in rivals if (value > mark[1] if maximise else value < mark[1]))
    return better >= (len(rivals) + 1) // REDUCTION
