"""From a training job definition and what a trial tunes to a CreateTrainingJob request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from clary.core.document import Document
from clary.engines.tuning.space import Tuned

OBJECTIVE = "_tuning_objective_metric"  # evidence/tuning-jobs.md
_SAME = (
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "RetryStrategy",
    "Environment",
)


def trial_name(tuning_job: str, uid: str, number: int) -> str:
    """Name a trial: the same for the same tuning job and number, another one for a namesake made later."""
    mark = hashlib.sha256(f"{uid}/{number}".encode()).hexdigest()[:8]
    return f"{tuning_job}-{number:03d}-{mark}"


def described(definition: Document, metrics: Mapping[str, str]) -> Document:
    """Return a definition as Describe tells it: with objective, resources and metrics filled in."""
    objective = definition["TuningObjective"]["MetricName"]
    static = {**definition.get("StaticHyperParameters", {}), OBJECTIVE: objective}
    whole = {**definition, "StaticHyperParameters": static}
    if not (definition.get("HyperParameterTuningResourceConfig") or {}).get("InstanceConfigs"):
        (whole["ResourceConfig"],) = choices(definition)
    algorithm = definition["AlgorithmSpecification"]
    if metrics and not algorithm.get("MetricDefinitions"):
        told = [{"Name": name, "Regex": regex} for name, regex in metrics.items()]
        whole["AlgorithmSpecification"] = {**algorithm, "MetricDefinitions": told}
    return whole


def trial_request(
    name: str,
    definition: Document,
    tuned: Tuned,
    tags: list[Document],
    resources: Document | None = None,
) -> Document:
    """Return the CreateTrainingJob request of a trial, on the first of its definition's resources."""
    request = {member: definition[member] for member in _SAME if definition.get(member) is not None}
    request |= {
        "TrainingJobName": name,
        "ResourceConfig": choices(definition)[0] if resources is None else resources,
        "HyperParameters": {
            **definition.get("StaticHyperParameters", {}),
            OBJECTIVE: definition["TuningObjective"]["MetricName"],
            **tuned,
        },
    }
    if checkpoints := definition.get("CheckpointConfig"):  # trials must not go on from each other's
        request["CheckpointConfig"] = {**checkpoints, "S3Uri": f"{checkpoints['S3Uri'].rstrip('/')}/{name}"}
    if tags:
        request["Tags"] = tags
    return request


def choices(definition: Document) -> list[Document]:
    """Return each ResourceConfig that a definition's training jobs may have, the preferred one first."""
    if definition.get("ResourceConfig"):
        return [dict(definition["ResourceConfig"])]
    given = definition.get("HyperParameterTuningResourceConfig") or {}
    members = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId")
    return [
        {name: value for name in members if (value := each.get(name, given.get(name))) is not None}
        for each in given.get("InstanceConfigs") or [{}]
    ]
