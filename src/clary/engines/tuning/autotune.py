"""Autotune: ranges where the caller gave an example value, or nothing but a known algorithm.

How AWS chooses is not told; these rules are ours: evidence/tuning-jobs.md.
"""

from __future__ import annotations

from clary.core.document import Document

_REACH = 10.0  # A range goes this factor below and above its hint.
_JOBS_EACH, _LEAST_JOBS, _MOST_JOBS = 10, 20, 100

# The ranges that AWS's pages on tuning an algorithm recommend; integers are written without a point.
_XGBOOST = {
    "alpha": ("0.0", "1000.0", "Linear"),
    "colsample_bytree": ("0.5", "1.0", "Linear"),
    "eta": ("0.1", "0.5", "Linear"),
    "gamma": ("0.0", "5.0", "Linear"),
    "lambda": ("0.0", "1000.0", "Linear"),
    "max_depth": ("1", "10", "Linear"),
    "min_child_weight": ("0.0", "120.0", "Linear"),
    "num_round": ("1", "4000", "Logarithmic"),
    "subsample": ("0.5", "1.0", "Linear"),
}
_RECOMMENDED = {"xgboost": _XGBOOST}
_KINDS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")


def resolved(definition: Document) -> Document:
    """Return a definition whose automatic parameters have ranges; those that cannot vary are static."""
    ranges = definition["HyperParameterRanges"]
    static = dict(definition.get("StaticHyperParameters", {}))
    made: dict[str, list[Document]] = {kind: list(ranges.get(kind, ())) for kind in _KINDS}
    for each in ranges.get("AutoParameters", ()):
        found = _around(each["Name"], each["ValueHint"])
        if found is None:
            static[each["Name"]] = each["ValueHint"]
        else:
            made[found[0]].append(found[1])
    if not any(ranges.values()):
        for name, (low, high, scale) in _recommended(definition).items():
            if name not in static:
                kind = _KINDS["." in low]
                made[kind].append({"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scale})
    return {**definition, "HyperParameterRanges": made, "StaticHyperParameters": static}


def jobs(parameters: int) -> int:
    """Return how many training jobs a tuning job launches that leaves the number to Autotune."""
    return min(max(_JOBS_EACH * parameters, _LEAST_JOBS), _MOST_JOBS)


def _recommended(definition: Document) -> dict[str, tuple[str, str, str]]:
    image = definition["AlgorithmSpecification"].get("TrainingImage", "")
    return next((found for name, found in _RECOMMENDED.items() if name in image), {})


def _around(name: str, hint: str) -> tuple[str, Document] | None:
    """Return the kind of a range and the range around an example value; None for one that is no number."""
    try:
        number = float(hint.strip('"'))
    except ValueError:
        return None
    if not 0 < number < 1e300:
        return None  # below 0, and at it, nothing says how far to go
    if hint.strip('"').isdigit():
        low, high = str(max(1, int(number / _REACH))), str(int(number * _REACH))
        return _KINDS[0], {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": "Logarithmic"}
    top = min(number * _REACH, 1.0) if number <= 1 else number * _REACH  # what is a share stays one
    if top <= number:
        top, scale = number, "Linear"
    else:
        scale = "Logarithmic"
    made = {"Name": name, "MinValue": repr(number / _REACH), "MaxValue": repr(top), "ScalingType": scale}
    return _KINDS[1], made
