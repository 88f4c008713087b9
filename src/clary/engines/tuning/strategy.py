"""What to try next, by the strategy that the tuning job names."""

from __future__ import annotations

from collections.abc import Sequence

from clary.core.document import Document
from clary.engines.tuning import random_search
from clary.engines.tuning.space import Tuned, combination, read
from clary.engines.tuning.trials import definitions, tuned_by

MOST_JOBS = 750
_EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")


def limit(doc: Document) -> int:
    """Return how many training jobs a tuning job may launch."""
    config = doc["HyperParameterTuningJobConfig"]
    asked = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    if asked is not None:
        return int(asked)
    if config["Strategy"] != "Grid":
        return MOST_JOBS
    return sum(int(read(each["HyperParameterRanges"]).count()) for each in definitions(doc))


def propose(doc: Document, seed: str, trials: Sequence[Document]) -> tuple[int, Tuned] | None:
    """Return the definition and the hyperparameters of the next trial; None when nothing is left to try."""
    wanted = definitions(doc)
    for turn in range(len(wanted)):
        index = (len(trials) + turn) % len(wanted)
        space = read(wanted[index]["HyperParameterRanges"])
        earlier = tuned_by(trials, index)
        if doc["HyperParameterTuningJobConfig"]["Strategy"] == "Grid":
            tuned = combination(space, len(earlier))
        else:
            tuned = random_search.draw(space, f"{seed}/{index}", len(earlier), earlier)
        if tuned is not None:
            return index, tuned
    return None


def resources(config: Document, definition: Document) -> tuple[int, int | None]:
    """Return Hyperband's least and most resource for a definition; the most is None where nothing says it."""
    given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    most = given.get("MaxResource")
    static = definition.get("StaticHyperParameters", {})
    for name in () if most is not None else _EPOCHS:
        if static.get(name, "").strip('"').isdigit():
            most = int(static[name].strip('"'))
            break
    return given.get("MinResource", 1), most
