"""What CreateHyperParameterTuningJob refuses about ranges, strategies and limits: evidence/tuning-jobs.md."""

from __future__ import annotations

from collections.abc import Iterator

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.engines.tuning.resource import resources
from clary.engines.tuning.space import names, read
from clary.engines.tuning.trials import definitions

MOST_SEARCHED = 30
MOST_HYPERPARAMETERS = 100
MOST_PARALLEL = 100
MOST_JOBS = {"Random": 10_000}
MOST_JOBS_OTHERWISE = 750
MOST_RESOURCE = 20_000


def check_ranges(config: Document, definition: Document) -> None:
    """Refuse ranges that span nothing to search, or that the strategy cannot search."""
    ranges, static = definition["HyperParameterRanges"], definition.get("StaticHyperParameters", {})
    searched = names(ranges)
    if ranges.get("AutoParameters"):
        raise ValidationError(
            "AutoParameters are for Autotune: set Autotune.Mode to Enabled, or give ranges."
        )
    if not searched:
        raise ValidationError(
            "No hyperparameter ranges are given: name at least one hyperparameter to search."
        )
    if len(searched) > MOST_SEARCHED:
        raise ValidationError(
            f"{len(searched)} hyperparameters are to be searched; at most {MOST_SEARCHED} can be."
        )
    if twice := sorted({name for name in searched if searched.count(name) > 1}):
        raise ValidationError(f"The hyperparameter {twice[0]!r} has more than one range; give it one.")
    if both := sorted(set(searched) & set(static)):
        raise ValidationError(
            f"The hyperparameter {both[0]!r} is both static and searched: take it out of "
            "StaticHyperParameters or out of the ranges."
        )
    if len(searched) + len(static) > MOST_HYPERPARAMETERS:
        raise ValidationError(
            f"There are {len(searched) + len(static)} static and searched hyperparameters; at most "
            f"{MOST_HYPERPARAMETERS} are allowed."
        )
    for wrong in (*_numeric(ranges), *_categorical(ranges)):
        raise ValidationError(wrong)
    if config["Strategy"] == "Grid" and len(searched) > len(ranges.get("CategoricalParameterRanges", ())):
        raise ValidationError(
            "The Grid strategy searches categorical hyperparameters only: give every value to try in "
            "CategoricalParameterRanges, or use another strategy."
        )


def check_strategy(config: Document, given: list[Document]) -> None:
    """Refuse a configuration of Hyperband for another strategy, or one that Hyperband cannot use."""
    hyperband = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig")
    if config["Strategy"] != "Hyperband":
        if hyperband is not None:
            raise ValidationError(
                "StrategyConfig.HyperbandStrategyConfig is for the strategy Hyperband, not for "
                f"{config['Strategy']}; leave it out."
            )
        return
    if config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
        raise ValidationError(
            "TrainingJobEarlyStoppingType must be Off with the strategy Hyperband, which stops training jobs "
            "early itself."
        )
    for definition in given:
        least, most = resources(config, definition)
        if most is None:
            raise ValidationError(
                "MaxResource is neither given in HyperbandStrategyConfig nor can it be inferred from "
                "StaticHyperParameters: give it, or one of epochs, numepochs, n-epochs, n_epochs, num_epochs."
            )
        if most > MOST_RESOURCE:
            raise ValidationError(f"MaxResource is {most}; it may be at most {MOST_RESOURCE}.")
        if least > most:
            raise ValidationError(f"MinResource is {least}; it may be at most MaxResource, {most}.")


def check_limits(request: Document, *, inherited: int) -> None:
    """Refuse more training jobs than there can be, those of parents included, or an end that never comes."""
    config = request["HyperParameterTuningJobConfig"]
    limits, strategy = config["ResourceLimits"], config["Strategy"]
    _exceeds("parallel training jobs", limits["MaxParallelTrainingJobs"], MOST_PARALLEL)
    combinations = sum(read(each["HyperParameterRanges"]).count() for each in definitions(request))
    asked = limits.get("MaxNumberOfTrainingJobs")
    if asked is None and strategy == "Grid":
        asked = int(combinations)
    if asked is None:
        if (
            "Autotune" in request
            or "MaxRuntimeInSeconds" in limits
            or config.get("TuningJobCompletionCriteria")
        ):
            return
        raise ValidationError(
            "Nothing says when the tuning job is complete: give ResourceLimits.MaxNumberOfTrainingJobs, "
            "ResourceLimits.MaxRuntimeInSeconds or TuningJobCompletionCriteria."
        )
    _exceeds("training jobs", asked + inherited, MOST_JOBS.get(strategy, MOST_JOBS_OTHERWISE))
    if strategy == "Grid" and asked != combinations:
        raise ValidationError(
            f"MaxNumberOfTrainingJobs is {asked}; with the strategy Grid it must be the number of distinct "
            f"combinations of the categorical values, {combinations:.0f}, or be left out."
        )
    if combinations < asked:  # the words are AWS's
        raise ValidationError(
            "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter "
            f"combinations for the provided ranges [{combinations:.1f}] must be equal or greater than the "
            f"value of MaxNumberOfJobs, [{asked}]. Provide additional ranges."
        )


def _exceeds(things: str, asked: int, most: int) -> None:
    if asked > most:
        raise ApiError(
            f"The number of {things} per hyperparameter tuning job is limited to {most}; {asked} were "
            "requested.",
            code="ResourceLimitExceeded",
            status=400,
        )


def _numeric(ranges: Document) -> Iterator[str]:
    for kind in ("IntegerParameterRanges", "ContinuousParameterRanges"):
        for each in ranges.get(kind, ()):
            integer = kind.startswith("Integer")
            yield from _edges(each, integer=integer)


def _edges(each: Document, *, integer: bool) -> Iterator[str]:
    where, low, high = f"The range of {each['Name']!r}", each["MinValue"], each["MaxValue"]
    for text in (low, high):
        try:
            number = int(text) if integer else float(text)
        except ValueError:
            number = float("nan")
        if not abs(number) < float("inf"):
            yield f"{where} has the end {text!r}, which is not {'an integer' if integer else 'a number'}."
            return
    least, most = float(low), float(high)
    if least >= most:
        yield f"{where} goes from {low} to {high}; MinValue must be less than MaxValue."
    scale = each.get("ScalingType", "Auto")
    if scale == "Logarithmic" and least <= 0:
        yield f"{where} begins at {low}; Logarithmic scaling works only for values greater than 0."
    if scale == "ReverseLogarithmic" and integer:
        yield f"{where} is of integers; ReverseLogarithmic scaling works only for continuous ranges."
    elif scale == "ReverseLogarithmic" and not (least >= 0 and most < 1):
        yield (
            f"{where} goes from {low} to {high}; ReverseLogarithmic scaling works only for ranges that are "
            "entirely within 0 <= x < 1.0."
        )


def _categorical(ranges: Document) -> Iterator[str]:
    for each in ranges.get("CategoricalParameterRanges", ()):
        values = each["Values"]
        if twice := sorted({value for value in values if values.count(value) > 1}):
            yield f"The values of {each['Name']!r} name {twice[0]!r} more than once; each must be distinct."
