"""Training with an algorithm resource: which one a job names, and what that asks of the job.

Evidence: docs/evidence/algorithm-resources.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.engines.tuning.trial_request import OBJECTIVE
from clary.operations import crud
from clary.operations.kinds import of
from clary.operations.model_registry.algorithm_specification import unfit
from clary.operations.registry import Call
from clary.resources.model_registry.algorithm import ALGORITHM
from clary.runtime import images
from clary.store.records import Record

SCRIPT = "sagemaker_program"  # the hyperparameter that puts a script in the image's program's place


def find(call: Call, name: str) -> Record:
    """Return the algorithm of a name or an ARN; refuse one that is not there or cannot be trained with."""
    algorithm = crud.named(of(ALGORITHM), replace(call, request={"AlgorithmName": name}))
    if algorithm.account != call.account:
        raise ValidationError(
            f"The algorithm {name} belongs to another account. Create it in this account, {call.account}, "
            "and name it here."
        )
    if algorithm.status != "Completed":
        raise ValidationError(
            f"The algorithm {algorithm.arn} is {algorithm.status}; only one that is Completed can train. "
            "DescribeAlgorithm says what is wrong with it."
        )
    return algorithm


def specification(call: Call, name: str) -> Document:
    """Return the TrainingSpecification of the algorithm that a job names."""
    found: Document = find(call, name).doc["TrainingSpecification"]
    return found


def metrics(call: Call, name: str) -> Mapping[str, str]:
    """Return the metrics that an algorithm tells: names and regular expressions."""
    told = specification(call, name).get("MetricDefinitions", ())
    return {each["Name"]: each["Regex"] for each in told}


def check(call: Call, request: Document) -> None:
    """Refuse a job that its algorithm could not run."""
    name = request["AlgorithmSpecification"]["AlgorithmName"]
    spec = specification(call, name)
    _check_instances(name, spec, request.get("ResourceConfig") or {})
    _check_channels(name, spec, request)
    _check_values(name, spec, request.get("HyperParameters", {}))


def resolved(call: Call, request: Document) -> Document:
    """Return what the algorithm adds to a job's record: its image, its metrics, defaults of hyperparameters.

    From then on the job does not need the algorithm, which may be deleted.
    """
    algorithm = request["AlgorithmSpecification"]
    spec = specification(call, algorithm["AlgorithmName"])
    own = {each["Name"]: each for each in spec.get("MetricDefinitions", ())}
    given = {each["Name"]: each for each in algorithm.get("MetricDefinitions", ())}
    told = list({**own, **given}.values())
    defaults = {
        each["Name"]: each["DefaultValue"]
        for each in spec.get("SupportedHyperParameters", ())
        if "DefaultValue" in each
    }
    values = {**defaults, **request.get("HyperParameters", {})}
    return {
        "_Image": spec["TrainingImage"],
        "AlgorithmSpecification": {**algorithm, **({"MetricDefinitions": told} if told else {})},
        **({"HyperParameters": values} if values else {}),
    }


def of_image(call: Call, request: Document) -> Document:
    """Return what an own image adds to a job's record: its metrics, where the job runs its program.

    A built-in image's are added when the job starts.
    """
    source = request.get("AlgorithmSpecification", {})
    folder = call.settings.home.root / "images"
    replaced = "ContainerEntrypoint" in source or SCRIPT in request.get("HyperParameters", {})
    if replaced or source.get("MetricDefinitions"):
        return {}
    try:
        image = images.resolve(source.get("TrainingImage", ""), (folder,))
    except ValueError:
        return {}
    if image.folder.parent != folder or not image.metrics:
        return {}
    told = [{"Name": name, "Regex": regex} for name, regex in image.metrics.items()]
    return {"AlgorithmSpecification": {**source, "MetricDefinitions": told}}


def check_tuning(call: Call, definition: Document) -> None:
    """Refuse an objective and ranges that the algorithm does not offer for tuning."""
    name, objective = definition["AlgorithmSpecification"]["AlgorithmName"], definition["TuningObjective"]
    spec = specification(call, name)
    offered = [
        (each["Type"], each["MetricName"]) for each in spec.get("SupportedTuningJobObjectiveMetrics", ())
    ]
    if offered and (objective["Type"], objective["MetricName"]) not in offered:
        raise ValidationError(
            f"The algorithm {name} cannot be tuned to {objective['Type']} {objective['MetricName']}. Choose "
            f"one of {', '.join(' '.join(each) for each in offered)}."
        )
    known = {each["Name"]: each for each in spec.get("SupportedHyperParameters", ())}
    for kind, ranges in definition["HyperParameterRanges"].items():
        for each in ranges:
            if known and kind != "AutoParameters":
                _check_range(name, known, kind.removesuffix("ParameterRanges"), each)


def _check_range(name: str, known: Mapping[str, Document], kind: str, given: Document) -> None:
    parameter = known.get(given["Name"])
    where = f"The hyperparameter {given['Name']!r} of the algorithm {name}"
    if parameter is None:
        raise ValidationError(f"{where} does not exist. It has {', '.join(known)}.")
    if not parameter.get("IsTunable"):
        raise ValidationError(f"{where} is not tunable; give it one value in StaticHyperParameters.")
    if parameter["Type"] != kind:
        raise ValidationError(
            f"{where} is {parameter['Type']}; give its range in {parameter['Type']}ParameterRanges."
        )
    for value in given.get("Values") or (given["MinValue"], given["MaxValue"]):
        if why := unfit(parameter, value):
            raise ValidationError(f"{where} is to be searched at {value!r}; it {why}.")


def _check_instances(name: str, spec: Document, resources: Document) -> None:
    supported = spec["SupportedTrainingInstanceTypes"]
    groups = resources.get("InstanceGroups") or [resources]
    for each in groups:
        if each.get("InstanceType") not in (None, *supported):
            raise ValidationError(
                f"The algorithm {name} does not support the instance type {each['InstanceType']}. Use one "
                f"of {', '.join(supported)}."
            )
    count = sum(each.get("InstanceCount", 0) for each in groups)
    if count > 1 and not spec.get("SupportsDistributedTraining"):
        raise ValidationError(
            f"The algorithm {name} does not support distributed training, and {count} instances are asked "
            "for. Use an InstanceCount of 1."
        )


def _check_channels(name: str, spec: Document, request: Document) -> None:
    known = {each["Name"]: each for each in spec["TrainingChannels"]}
    given = {each["ChannelName"]: each for each in request.get("InputDataConfig", ())}
    if missing := [each for each, told in known.items() if told.get("IsRequired") and each not in given]:
        raise ValidationError(
            f"The algorithm {name} requires the channel {missing[0]!r}, which InputDataConfig does not have."
        )
    for channel, asked in given.items():
        told = known.get(channel)
        if told is None:
            raise ValidationError(
                f"The algorithm {name} has no channel {channel!r}. It takes {', '.join(known)}."
            )
        mode = asked.get("InputMode") or request["AlgorithmSpecification"]["TrainingInputMode"]
        fields = (
            ("input mode", mode, told["SupportedInputModes"]),
            ("content type", asked.get("ContentType"), told["SupportedContentTypes"]),
            ("compression type", asked.get("CompressionType"), told.get("SupportedCompressionTypes")),
        )
        for what, value, supported in fields:
            if value not in (None, "None") and supported and value not in supported:
                raise ValidationError(
                    f"The channel {channel!r} of the algorithm {name} does not take the {what} {value}. Use "
                    f"one of {', '.join(supported)}."
                )


def _check_values(name: str, spec: Document, values: Mapping[str, str]) -> None:
    known = {each["Name"]: each for each in spec.get("SupportedHyperParameters", ())}
    for parameter, told in known.items():
        if told.get("IsRequired") and parameter not in values:
            raise ValidationError(f"The algorithm {name} requires the hyperparameter {parameter!r}.")
    for parameter, value in values.items():
        if not known or parameter == OBJECTIVE:  # a tuning job's own mark
            continue
        if parameter not in known:
            raise ValidationError(
                f"The algorithm {name} has no hyperparameter {parameter!r}. It has {', '.join(known)}."
            )
        if why := unfit(known[parameter], value):
            raise ValidationError(
                f"The hyperparameter {parameter!r} of the algorithm {name} is {value!r}; it {why}."
            )
