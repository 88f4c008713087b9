"""What an algorithm says of its training: whether it makes sense, and whether a value fits it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import references

_UNBUILT = {
    "TrainingImageDigest": "an image here is not told apart by its digest; leave it out.",
    "AdditionalS3DataSource": "nothing is placed beside the channels; give the data in a channel.",
}
_RANGES = {
    "Integer": "IntegerParameterRangeSpecification",
    "Continuous": "ContinuousParameterRangeSpecification",
    "Categorical": "CategoricalParameterRangeSpecification",
}


def check(specification: Document) -> None:
    """Refuse a TrainingSpecification that contradicts itself."""
    references.refuse(specification, _UNBUILT, "TrainingSpecification.")
    parameters = specification.get("SupportedHyperParameters", ())
    _distinct([each["Name"] for each in parameters], "SupportedHyperParameters")
    _distinct([each["Name"] for each in specification["TrainingChannels"]], "TrainingChannels")
    if not specification["SupportedTrainingInstanceTypes"]:
        raise ValidationError("SupportedTrainingInstanceTypes is empty; name at least one instance type.")
    for each in parameters:
        for wrong in _wrong(each):
            raise ValidationError(f"The hyperparameter {each['Name']!r} of SupportedHyperParameters {wrong}")
    check_metrics(specification.get("MetricDefinitions", ()))
    told = [each["Name"] for each in specification.get("MetricDefinitions", ())]
    for objective in specification.get("SupportedTuningJobObjectiveMetrics", ()):
        if objective["MetricName"] not in told:
            raise ValidationError(
                f"SupportedTuningJobObjectiveMetrics names {objective['MetricName']!r}, which is not in "
                f"MetricDefinitions. Add it there; it has {_listed(told)}."
            )


def check_metrics(definitions: Sequence[Document]) -> None:
    """Refuse a metric whose regular expression is none."""
    for metric in definitions:
        try:
            re.compile(metric["Regex"])
        except re.error as error:
            raise ValidationError(
                f"The regular expression {metric['Regex']!r} of the metric {metric['Name']!r} is not valid: "
                f"{error}."
            ) from error


def unfit(parameter: Document, value: str) -> str:
    """Return why a value does not fit a hyperparameter's specification, or nothing."""
    kind, limits = parameter["Type"], _range(parameter)
    if kind == "Categorical" and limits and value not in limits["Values"]:
        return f"must be one of {_listed(limits['Values'])}"
    if kind not in ("Integer", "Continuous"):
        return ""
    number = number_of(kind, value)
    if number is None:
        return "must be an integer" if kind == "Integer" else "must be a number"
    low, high = (number_of(kind, limits[end]) if limits else None for end in ("MinValue", "MaxValue"))
    if low is not None and high is not None and not low <= number <= high:
        return f"must be from {limits['MinValue']} to {limits['MaxValue']}"
    return ""


def number_of(kind: str, value: str) -> float | None:
    """Return the number that a hyperparameter's text stands for, None where it is no number of that kind."""
    text = value.strip().strip('"')  # script mode quotes what it sends
    try:
        number = float(int(text)) if kind == "Integer" else float(text)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _wrong(parameter: Document) -> Iterator[str]:
    kind, given = parameter["Type"], parameter.get("Range", {})
    wanted = _RANGES.get(kind)
    for other in given:
        if other != wanted:
            fits = f"has {wanted}" if wanted else "has no Range"
            yield f"is {kind} and has the range {other}; a hyperparameter of that type {fits}."
    limits = _range(parameter)
    if limits and kind in ("Integer", "Continuous"):
        ends = [number_of(kind, limits[end]) for end in ("MinValue", "MaxValue")]
        low, high = ends
        words = f"goes from {limits['MinValue']!r} to {limits['MaxValue']!r}"
        if low is None or high is None:
            yield f"{words}; both ends must be {'integers' if kind == 'Integer' else 'numbers'}."
            return
        if low > high:
            yield f"{words}; MinValue must not be above MaxValue."
    default = parameter.get("DefaultValue")
    if default is not None and parameter.get("IsRequired"):
        yield "is required and has a DefaultValue; one that has a default cannot be required."
    if default is not None and (why := unfit(parameter, default)):
        yield f"has the DefaultValue {default!r}; it {why}."
    if kind == "FreeText" and parameter.get("IsTunable"):
        yield "is FreeText and tunable; only Integer, Continuous and Categorical ones can be tuned."


def _range(parameter: Document) -> Document:
    found: Document = parameter.get("Range", {}).get(_RANGES.get(parameter["Type"], ""), {})
    return found


def _distinct(names: Sequence[str], where: str) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"{where} has {twice[0]!r} more than once; name each once.")


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values) or "none"
