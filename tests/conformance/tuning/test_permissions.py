"""What a tuning job may do for a caller who may not create training jobs: no more than it says itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.iam.people import allow, deny, fresh, user
from tests.conformance.tuning.test_bad_input import BUCKET, ROLE, Request, definition, good

if TYPE_CHECKING:
    from tests.conftest import Server

CREATE = "sagemaker:CreateHyperParameterTuningJob"
OTHER = "arn:aws:iam::000000000000:role/SomebodyElses"


@pytest.fixture(scope="module", autouse=True)
def data(server: Server) -> None:
    """Put something to train with in place."""
    server.client("s3").create_bucket(Bucket=BUCKET)
    server.client("s3").put_object(Bucket=BUCKET, Key="train/a.csv", Body=b"1,2\n")


def tuner(server: Server, *statements: dict[str, Any]) -> Any:
    """Return a client of somebody who may tune with one role, and what the statements say."""
    _, keys = user(server, allow(CREATE), allow("iam:PassRole", ROLE), *statements)
    return server.client("sagemaker", keys)


def refusal(client: Any, request: Request) -> str:
    with pytest.raises(ClientError) as caught:
        client.create_hyper_parameter_tuning_job(**request)
    return str(caught.value.response["Error"]["Message"])


def test_to_tune_is_enough_to_create_the_training_jobs_of_a_tuning_job(server: Server) -> None:
    name = fresh("tune")
    client = tuner(server, allow("sagemaker:StopHyperParameterTuningJob"))
    assert client.create_hyper_parameter_tuning_job(**good(name))["HyperParameterTuningJobArn"]
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    with pytest.raises(ClientError, match="sagemaker:CreateTrainingJob"):
        client.create_training_job(
            TrainingJobName=name,
            **{key: value for key, value in definition(good(name)).items() if key != "StaticHyperParameters"},
        )


def test_every_role_of_every_definition_has_to_be_passed(server: Server) -> None:
    request = good(fresh("tune"))
    definition(request)["RoleArn"] = OTHER
    assert f"iam:PassRole on resource: {OTHER}" in refusal(tuner(server), request)
    several = good(fresh("tune"))
    one = several.pop("TrainingJobDefinition")
    several["TrainingJobDefinitions"] = [
        {**one, "DefinitionName": name, "RoleArn": role} for name, role in (("a", ROLE), ("b", OTHER))
    ]
    assert f"iam:PassRole on resource: {OTHER}" in refusal(tuner(server), several)


def test_a_role_of_another_account_trains_nothing_here(server: Server) -> None:
    request = good(fresh("tune"))
    foreign = "arn:aws:iam::111122223333:role/SageMakerExecutionRole"
    definition(request)["RoleArn"] = foreign
    assert foreign in refusal(tuner(server, allow("iam:PassRole", "*")), request)


def test_tags_that_trials_would_have_need_the_permission_to_tag(server: Server) -> None:
    request = {**good(fresh("tune")), "Tags": [{"Key": "team", "Value": "theirs"}]}
    assert "sagemaker:AddTags" in refusal(tuner(server), request)


@pytest.mark.parametrize(
    ("condition", "change"),
    [
        ({"Bool": {"sagemaker:NetworkIsolation": "false"}}, {"EnableNetworkIsolation": False}),
        (
            {"ForAnyValue:StringEquals": {"sagemaker:InstanceTypes": "ml.p3.2xlarge"}},
            {
                "ResourceConfig": None,
                "HyperParameterTuningResourceConfig": {
                    "InstanceConfigs": [
                        {"InstanceType": each, "InstanceCount": 1, "VolumeSizeInGB": 1}
                        for each in ("ml.m5.large", "ml.p3.2xlarge")
                    ]
                },
            },
        ),
        (
            {"NumericGreaterThan": {"sagemaker:MaxRuntimeInSeconds": "3600"}},
            {"StoppingCondition": {"MaxRuntimeInSeconds": 7200}},
        ),
    ],
)
def test_conditions_on_training_jobs_hold_for_those_of_a_tuning_job(
    server: Server, condition: dict[str, Any], change: Request
) -> None:
    request = good(fresh("tune"))
    whole = {**definition(request), **change}
    request["TrainingJobDefinition"] = {key: value for key, value in whole.items() if value is not None}
    told = refusal(tuner(server, deny("sagemaker:Create*", Condition=condition)), request)
    assert "explicit deny" in told
