"""What to try next, by the strategy that the tuning job names."""

from __future__ import annotations

from collections.abc import Sequence

from clary.core.document import Document
from clary.engines.tuning import autotune, bayesian, random_search, warm_start
from clary.engines.tuning.bayesian import Known
from clary.engines.tuning.space import Space, Tuned, combination, read
from clary.engines.tuning.trials import ENDED, cost_of, definitions, tuned_by

MOST_JOBS = 750


def limit(doc: Document) -> int:
    """Return how many training jobs a tuning job may launch."""
    config = doc["HyperParameterTuningJobConfig"]
    asked = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    if asked is not None:
        return int(asked)
    if config["Strategy"] != "Grid":
        return _unlimited(doc)
    return sum(int(read(each["HyperParameterRanges"]).count()) for each in definitions(doc))


def _unlimited(doc: Document) -> int:
    if "Autotune" not in doc:
        return MOST_JOBS
    spaces = [read(each["HyperParameterRanges"]) for each in definitions(doc)]
    return int(
        min(autotune.jobs(sum(len(each.parameters) for each in spaces)), sum(s.count() for s in spaces))
    )


def propose(doc: Document, seed: str, trials: Sequence[Document]) -> tuple[int, Tuned] | None:
    """Return the definition and the hyperparameters of the next trial; None when nothing is left to try."""
    wanted = definitions(doc)
    for turn in range(len(wanted)):
        index = (len(trials) + turn) % len(wanted)
        space = read(wanted[index]["HyperParameterRanges"])
        tuned = _drawn(doc, space, f"{seed}/{index}", trials, index)
        if tuned is not None:
            return index, tuned
    return None


def _drawn(doc: Document, space: Space, seed: str, trials: Sequence[Document], index: int) -> Tuned | None:
    earlier = tuned_by(trials, index)
    match doc["HyperParameterTuningJobConfig"]["Strategy"]:
        case "Grid":
            return combination(space, len(earlier))
        case "Bayesian":
            own = known(space, [trial for trial in trials if trial["_Definition"] == index])
            inherited = warm_start.inherited(doc, space, own)
            return bayesian.draw(space, seed, len(earlier), [*inherited, *own], earlier)
    return random_search.draw(space, seed, len(earlier), earlier)


def known(space: Space, trials: Sequence[Document]) -> list[Known]:
    """Return what trials have told; one that ended without an objective was as bad as the worst."""
    worst = max((cost for trial in trials if (cost := cost_of(trial)) is not None), default=None)
    found: list[Known] = []
    for trial in trials:
        point, cost = space.point(trial["TunedHyperParameters"]), cost_of(trial)
        ended = trial["TrainingJobStatus"] in ENDED
        if cost is None and ended:
            cost = worst
        if point is not None and (cost is not None or not ended):
            found.append(Known(point, cost))
    return found
