"""What a tuning job takes over from its parents: their trials, kept in its own record when it is created.

`_Inherited` lists them: hyperparameters, static ones included, the cost, and which of the parents it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from clary.core.document import Document
from clary.engines.tuning.bayesian import Known
from clary.engines.tuning.space import Space
from clary.engines.tuning.trials import best, cost_of, definitions

IDENTICAL = "IdenticalDataAndAlgorithm"


def taken_over(parents: Sequence[Document]) -> Document:
    """Return the members by which a new tuning job remembers its parents."""
    found: list[Document] = []
    for place, parent in enumerate(parents):
        wanted = definitions(parent)
        found += parent.get("_Inherited", [])
        for trial in parent.get("_Trials", []):
            if (cost := cost_of(trial)) is not None:
                static = wanted[trial["_Definition"]].get("StaticHyperParameters", {})
                values = {**static, **trial["TunedHyperParameters"]}
                found.append({"Values": values, "Cost": cost, "Parent": place})
    bests = [parent.get("OverallBestTrainingJob") or parent.get("BestTrainingJob") for parent in parents]
    named = [
        {**each, "TuningJobName": each.get("TuningJobName", parent["HyperParameterTuningJobName"])}
        for each, parent in zip(bests, parents, strict=True)
        if each is not None
    ]
    members: Document = {"_Inherited": found}
    if (overall := best(named)) is not None:
        members["_InheritedBest"] = overall
    return members


def inherited(doc: Document, space: Space, own: Sequence[Known]) -> list[Known]:
    """Return the parents' trials inside the space; of other data only their order of merit is believed."""
    told = [(space.point(each["Values"]), each) for each in doc.get("_Inherited", [])]
    inside = [(point, each) for point, each in told if point is not None]
    if doc.get("WarmStartConfig", {}).get("WarmStartType") == IDENTICAL:
        return [Known(point, each["Cost"]) for point, each in inside]
    middle, spread = _spread([each.cost for each in own if each.cost is not None])
    found: list[Known] = []
    for place in {each["Parent"] for _, each in inside}:
        of_it = [(point, each["Cost"]) for point, each in inside if each["Parent"] == place]
        its_middle, its_spread = _spread([cost for _, cost in of_it])
        found += [Known(point, middle + (cost - its_middle) / its_spread * spread) for point, cost in of_it]
    return found


def _spread(costs: Sequence[float]) -> tuple[float, float]:
    if not costs:
        return 0.0, 1.0
    mean = sum(costs) / len(costs)
    return mean, math.sqrt(sum((cost - mean) ** 2 for cost in costs) / len(costs)) or 1.0
