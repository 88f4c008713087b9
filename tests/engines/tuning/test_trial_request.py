"""From a definition to CreateTrainingJob: nothing that both operations know is lost on the way."""

from __future__ import annotations

import pytest

from clary.engines.tuning.trial_request import choices, trial_request
from clary.wire import models

# What a definition has that is the tuning job's own business, or becomes something else in the request.
OWN = {
    "DefinitionName",
    "TuningObjective",
    "HyperParameterRanges",
    "StaticHyperParameters",
    "HyperParameterTuningResourceConfig",
}


def members(shape: str) -> set[str]:
    found = models.service("sagemaker").shape_for(shape)
    return set(getattr(found, "members", {}))


@pytest.mark.parametrize("member", sorted(members("HyperParameterTrainingJobDefinition") - OWN))
def test_every_member_of_a_definition_reaches_its_training_jobs(member: str) -> None:
    assert member in members("CreateTrainingJobRequest")
    definition = {"TuningObjective": {"MetricName": "loss"}, member: {"S3Uri": "s3://b/k", "told": True}}
    request = trial_request("tune-001", definition, {"x": "1"}, [])
    assert request[member]["told"] is True


def test_trials_keep_their_checkpoints_apart() -> None:
    definition = {"TuningObjective": {"MetricName": "loss"}, "CheckpointConfig": {"S3Uri": "s3://b/k/"}}
    request = trial_request("tune-001", definition, {}, [])
    assert request["CheckpointConfig"]["S3Uri"] == "s3://b/k/tune-001"


def test_what_is_tuned_and_the_objective_are_among_the_hyperparameters() -> None:
    definition = {"TuningObjective": {"MetricName": "loss"}, "StaticHyperParameters": {"a": "1"}}
    request = trial_request("tune-001", definition, {"x": "2"}, [{"Key": "k", "Value": "v"}])
    assert request["HyperParameters"] == {"a": "1", "x": "2", "_tuning_objective_metric": "loss"}
    assert request["Tags"] == [{"Key": "k", "Value": "v"}]


def test_several_instance_types_are_choices_in_their_order() -> None:
    configs = [
        {"InstanceType": each, "InstanceCount": 1, "VolumeSizeInGB": 5}
        for each in ("ml.m5.large", "ml.c5.large")
    ]
    tuning = {"AllocationStrategy": "Prioritized", "InstanceConfigs": configs}
    assert choices({"HyperParameterTuningResourceConfig": tuning}) == configs
    assert choices({"HyperParameterTuningResourceConfig": configs[0]}) == configs[:1]
