"""Pipelines as boto3 sees them: versions, aliases, executions that are kept and fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT = "000000000000"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"


def definition(word: str = "first") -> str:
    parameters = [
        {"Name": "Rows", "Type": "Integer", "DefaultValue": 10},
        {"Name": "Word", "Type": "String", "DefaultValue": word},
    ]
    return json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": []})


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture
def pipeline(sagemaker: Any) -> str:
    name = f"Pipe-{uuid4().hex[:8]}"
    sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=definition())
    return name


def test_a_pipeline_is_described_by_name_and_arn_and_says_who_made_it(sagemaker: Any, pipeline: str) -> None:
    told = sagemaker.describe_pipeline(PipelineName=pipeline)
    assert told["PipelineArn"].endswith(f":pipeline/{pipeline.lower()}")
    assert (told["PipelineStatus"], told["PipelineDefinition"]) == ("Active", definition())
    assert told["CreatedBy"]["IamIdentity"]["Arn"]
    again = sagemaker.describe_pipeline(PipelineName=told["PipelineArn"])
    assert again["PipelineName"] == pipeline


def test_a_taken_name_and_an_absent_pipeline_are_refused_as_aws_words_it(
    sagemaker: Any, pipeline: str
) -> None:
    code, words = refusal(
        sagemaker.create_pipeline, PipelineName=pipeline, RoleArn=ROLE, PipelineDefinition=definition()
    )
    assert code == "ValidationException"
    assert words.startswith("Pipeline names must be unique within an AWS account and region")
    assert refusal(sagemaker.describe_pipeline, PipelineName="absent")[0] == "ResourceNotFound"


def test_a_repeated_creation_answers_the_same_and_makes_no_second_version(sagemaker: Any) -> None:
    asked = {
        "PipelineName": f"Pipe-{uuid4().hex[:8]}",
        "RoleArn": ROLE,
        "PipelineDefinition": definition(),
        "ClientRequestToken": uuid4().hex,
    }
    assert (
        sagemaker.create_pipeline(**asked)["PipelineArn"] == sagemaker.create_pipeline(**asked)["PipelineArn"]
    )
    listed = sagemaker.list_pipeline_versions(PipelineName=asked["PipelineName"])
    assert len(listed["PipelineVersionSummaries"]) == 1


def test_every_definition_makes_a_version_and_an_alias_moves(sagemaker: Any, pipeline: str) -> None:
    arn = sagemaker.describe_pipeline(PipelineName=pipeline)["PipelineArn"]
    sagemaker.update_pipeline_version(
        PipelineArn=arn, PipelineVersionId=1, PipelineVersionAliasOperations={"Add": ["prod"]}
    )
    changed = sagemaker.update_pipeline(
        PipelineName=pipeline, PipelineDefinition=definition("second"), PipelineVersionAliases=["prod2"]
    )
    assert changed["PipelineVersionId"] == 2
    assert sagemaker.update_pipeline(PipelineName=pipeline, PipelineDescription="d")["PipelineVersionId"] == 2
    newest = sagemaker.describe_pipeline(PipelineName=pipeline)
    assert (newest["PipelineDefinition"], newest["PipelineDescription"]) == (definition("second"), "d")
    by_alias = sagemaker.describe_pipeline(PipelineName=pipeline, PipelineVersionAlias="prod")
    assert by_alias["PipelineDefinition"] == definition()
    sagemaker.update_pipeline_version(
        PipelineArn=arn,
        PipelineVersionId=2,
        PipelineVersionDisplayName="two",
        PipelineVersionAliasOperations={"Add": ["prod"], "Remove": ["prod2"]},
    )
    newer, older = sagemaker.list_pipeline_versions(PipelineName=pipeline)["PipelineVersionSummaries"]
    assert (newer["PipelineVersionDisplayName"], newer["PipelineVersionAliases"]) == ("two", ["prod"])
    assert (older["PipelineVersionId"], older["PipelineVersionAliases"]) == (1, [])
    missing = refusal(sagemaker.describe_pipeline, PipelineName=pipeline, PipelineVersionId=9)
    assert missing[0] == "ResourceNotFound"


def test_a_definition_may_come_from_s3_and_must_be_json(server: Server, sagemaker: Any) -> None:
    server.client("s3").put_object(Bucket=BUCKET, Key="pipelines/d.json", Body=definition("s3").encode())
    name = f"Pipe-{uuid4().hex[:8]}"
    place = {"Bucket": BUCKET, "ObjectKey": "pipelines/d.json"}
    sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinitionS3Location=place)
    assert sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == definition("s3")
    half = json.dumps({"Parameters": [{"Name": "\ud800"}]})
    unreadable = [{"PipelineDefinition": text} for text in ("{", "[]", "[" * 100_000, half)]
    for wrong in (*unreadable, {}):
        code, _ = refusal(sagemaker.create_pipeline, PipelineName="wrong", RoleArn=ROLE, **wrong)
        assert code == "ValidationException"
    place["ObjectKey"] = "pipelines/absent.json"
    asked = {"PipelineName": "wrong", "RoleArn": ROLE, "PipelineDefinitionS3Location": place}
    assert refusal(sagemaker.create_pipeline, **asked)[0] == "ValidationException"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"Type": "Fail", "Argument": {}}, "Steps[0].Argument: Unknown property 'Argument': did you mean"),
        ({"Type": "EMR", "Arguments": {}}, "Steps[0].Type: EMR steps are not run. There is no EMR here"),
        ({"Type": "Fail", "DependsOn": ["B"]}, "Steps[0].DependsOn[0]: there is no step 'B'"),
    ],
)
def test_a_fault_of_a_definition_is_named_by_its_path(
    sagemaker: Any, pipeline: str, step: dict[str, Any], said: str
) -> None:
    text = json.dumps({"Version": "2020-12-01", "Steps": [{"Name": "A", **step}]})
    for call in (sagemaker.create_pipeline, sagemaker.update_pipeline):
        code, words = refusal(call, PipelineName=pipeline, RoleArn=ROLE, PipelineDefinition=text)
        assert code == "ValidationException"
        assert words.startswith(f"Unable to parse pipeline definition. {said}")


def test_an_execution_is_kept_with_its_parameters_until_it_is_stopped(sagemaker: Any, pipeline: str) -> None:
    arn = sagemaker.start_pipeline_execution(
        PipelineName=pipeline, PipelineParameters=[{"Name": "Word", "Value": "given"}]
    )["PipelineExecutionArn"]
    told = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert told["PipelineExecutionStatus"] == "Executing"
    assert (told["PipelineVersionId"], told["RoleArn"]) == (1, ROLE)
    values = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    assert {each["Name"]: each["Value"] for each in values["PipelineParameters"]} == {
        "Rows": "10",
        "Word": "given",
    }
    used = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    assert used["PipelineDefinition"] == definition()
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)
    assert steps["PipelineExecutionSteps"] == []
    sagemaker.update_pipeline_execution(PipelineExecutionArn=arn, PipelineExecutionDisplayName="named")
    [listed] = sagemaker.list_pipeline_executions(PipelineName=pipeline)["PipelineExecutionSummaries"]
    assert (listed["PipelineExecutionArn"], listed["PipelineExecutionDisplayName"]) == (arn, "named")
    assert refusal(sagemaker.retry_pipeline_execution, PipelineExecutionArn=arn)[0] == "ConflictException"
    for _ in range(2):
        assert sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionArn"] == arn
    told = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert told["PipelineExecutionStatus"] == "Stopping"
    [version] = sagemaker.list_pipeline_versions(PipelineName=pipeline)["PipelineVersionSummaries"]
    assert version["LastExecutionPipelineExecutionArn"] == arn


def test_executions_are_listed_by_alias_and_by_the_pipelines_arn(sagemaker: Any, pipeline: str) -> None:
    told = sagemaker.describe_pipeline(PipelineName=pipeline)["PipelineArn"]
    sagemaker.update_pipeline_version(
        PipelineArn=told, PipelineVersionId=1, PipelineVersionAliasOperations={"Add": ["prod"]}
    )
    token = uuid4().hex
    asked = {"PipelineName": told, "PipelineVersionAlias": "prod", "ClientRequestToken": token}
    arn = sagemaker.start_pipeline_execution(**asked)["PipelineExecutionArn"]
    assert sagemaker.start_pipeline_execution(**asked)["PipelineExecutionArn"] == arn
    listed = sagemaker.list_pipeline_executions(PipelineName=told, PipelineVersionAlias="prod")
    assert [each["PipelineExecutionArn"] for each in listed["PipelineExecutionSummaries"]] == [arn]
    others = sagemaker.list_pipeline_executions(PipelineName=pipeline, PipelineVersionAlias="pro")
    assert others["PipelineExecutionSummaries"] == []
    orders = sagemaker.list_pipeline_executions(PipelineName=pipeline, SortBy="PipelineExecutionArn")
    assert len(orders["PipelineExecutionSummaries"]) == 1


def test_a_pipeline_with_a_running_execution_is_not_deleted(sagemaker: Any, pipeline: str) -> None:
    sagemaker.start_pipeline_execution(PipelineName=pipeline)
    assert sagemaker.list_pipelines(PipelineNamePrefix=pipeline)["PipelineSummaries"][0]["LastExecutionTime"]
    assert sagemaker.list_pipelines(PipelineNamePrefix=pipeline, ManagedBy="AWS")["PipelineSummaries"] == []
    code, words = refusal(sagemaker.delete_pipeline, PipelineName=pipeline)
    assert code == "ConflictException"
    assert "Stop it first" in words
