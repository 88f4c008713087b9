"""What CreateHyperParameterTuningJob refuses: a job that could not run as it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.engines.tuning.space import read
from clary.engines.tuning.trial_request import choices, trial_request
from clary.engines.tuning.trials import definitions
from clary.operations.registry import Call
from clary.operations.training import algorithm, training_job
from clary.operations.tuning.instances import check_resources
from clary.operations.tuning.parents import check_parents
from clary.operations.tuning.ranges import check_limits, check_ranges, check_strategy
from clary.runtime import images

SCRIPT = "sagemaker_program"  # the hyperparameter that puts a script in the algorithm's place


def check_tuning_job(call: Call) -> None:
    """Refuse a tuning job by its own configuration, then by the training jobs that it would create."""
    request, config = call.request, call.request["HyperParameterTuningJobConfig"]
    one, many = request.get("TrainingJobDefinition"), request.get("TrainingJobDefinitions", [])
    if (one is None) == (not many):
        raise ValidationError("Give exactly one of TrainingJobDefinition and TrainingJobDefinitions.")
    _check_names(many)
    given = definitions(request)
    for definition in given:
        check_ranges(config, definition)
        _check_objective(call, definition)
        if "AlgorithmName" in definition["AlgorithmSpecification"]:
            algorithm.check_tuning(call, definition)
        check_resources(definition)
        _check_training_job(call, definition)
    check_strategy(config, given)
    check_limits(request, inherited=check_parents(call, given) if "WarmStartConfig" in request else 0)


def own_metrics(call: Call, definition: Document) -> Mapping[str, str]:
    """Return the metrics that come with a definition's algorithm; none where a script takes its place."""
    source = definition["AlgorithmSpecification"]
    if name := source.get("AlgorithmName"):
        return algorithm.metrics(call, name)
    image = source.get("TrainingImage", "")
    if not image or SCRIPT in definition.get("StaticHyperParameters", {}):
        return {}
    try:
        return images.resolve(image, (call.settings.home.root / "images",)).metrics
    except ValueError:
        return {}


def _check_names(many: list[Document]) -> None:
    given = [each.get("DefinitionName") for each in many]
    if None in given:
        raise ValidationError("Each of TrainingJobDefinitions needs a DefinitionName.")
    if twice := sorted({str(name) for name in given if given.count(name) > 1}):
        raise ValidationError(f"TrainingJobDefinitions has more than one called {twice[0]!r}.")


def _check_objective(call: Call, definition: Document) -> None:
    """Refuse an objective that no training job would tell."""
    objective, source = definition["TuningObjective"], definition["AlgorithmSpecification"]
    if objective is None:
        raise ValidationError(
            "A hyperparameter tuning job objective is required: give HyperParameterTuningJobObjective, or a "
            "TuningObjective in each training job definition."
        )
    name = objective["MetricName"]
    told = [each["Name"] for each in source.get("MetricDefinitions", ())]
    if name in told:
        return
    own, image = own_metrics(call, definition), source.get("TrainingImage") or source.get("AlgorithmName", "")
    if told or not own:  # the words are AWS's
        raise ValidationError(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric in the "
            "metric definitions."
        )
    if name not in own:
        raise ValidationError(
            f"The objective metric for the hyperparameter tuning job, [{name}], isn't valid for the "
            f"[{image}] algorithm. Choose a valid objective metric: {', '.join(sorted(own))}."
        )


def _check_training_job(call: Call, definition: Document) -> None:
    """Refuse a definition by what CreateTrainingJob says of the training job in the middle of the ranges."""
    space = read(definition["HyperParameterRanges"])
    middle = space.tuned(tuple(0.5 for _ in space.parameters))
    name = call.request["HyperParameterTuningJobName"]
    for resources in choices(definition):
        training_job.check(replace(call, request=trial_request(name, definition, middle, [], resources)))
