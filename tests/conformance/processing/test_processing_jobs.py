"""Processing jobs as boto3 sees them: what is kept, told and refused. Nothing runs here."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT = "000000000000"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
HERE = "/opt/ml/processing"


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    server.client("s3").put_object(Bucket=BUCKET, Key="p/in/a.csv", Body=b"1,2\n")
    return server.client("sagemaker")


def given(name: str = "in", path: str = f"{HERE}/input", **members: Any) -> dict[str, Any]:
    source = {"S3Uri": f"s3://{BUCKET}/p/in/", "S3DataType": "S3Prefix", "LocalPath": path, **members}
    return {"InputName": name, "S3Input": source}


def made(name: str = "out", path: str = f"{HERE}/output", **members: Any) -> dict[str, Any]:
    target = {"S3Uri": f"s3://{BUCKET}/p/out", "S3UploadMode": "EndOfJob", "LocalPath": path, **members}
    return {"OutputName": name, "S3Output": target}


def request(name: str = "", **members: Any) -> dict[str, Any]:
    return {
        "ProcessingJobName": name or f"p-{uuid4().hex[:8]}",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "x.py"]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "ProcessingInputs": [given()],
        "ProcessingOutputConfig": {"Outputs": [made()]},
        **members,
    }


def test_a_job_is_described_as_it_was_asked_for(sagemaker: Any) -> None:
    network = {"EnableNetworkIsolation": True}
    asked = request(Environment={"A": "b"}, NetworkConfig=network, Tags=[{"Key": "a", "Value": "b"}])
    arn = sagemaker.create_processing_job(**asked)["ProcessingJobArn"]
    assert arn == f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:processing-job/{asked['ProcessingJobName']}"
    told = sagemaker.describe_processing_job(ProcessingJobName=asked["ProcessingJobName"])
    asked.pop("Tags")
    assert {member: told[member] for member in asked} == asked
    assert (told["ProcessingJobArn"], told["ProcessingJobStatus"]) == (arn, "InProgress")
    assert told["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}
    assert "FailureReason" not in told and "ProcessingEndTime" not in told


def test_jobs_are_listed_stopped_and_deleted_once_they_ended(sagemaker: Any) -> None:
    name = request()["ProcessingJobName"]
    sagemaker.create_processing_job(**request(name))
    listed = sagemaker.list_processing_jobs(NameContains=name, StatusEquals="InProgress")
    assert [each["ProcessingJobName"] for each in listed["ProcessingJobSummaries"]] == [name]
    with pytest.raises(ClientError, match="Only a job that is Completed, Failed or Stopped can be deleted"):
        sagemaker.delete_processing_job(ProcessingJobName=name)
    for _ in range(2):
        sagemaker.stop_processing_job(ProcessingJobName=name)
    assert sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "Stopping"


def test_what_is_the_programs_own_affair_needs_no_place(sagemaker: Any) -> None:
    store = {"OutputName": "s", "FeatureStoreOutput": {"FeatureGroupName": "g"}, "AppManaged": True}
    mine = {"InputName": "m", "S3Input": {"S3Uri": "s3://absent/x", "S3DataType": "S3Prefix"}}
    sagemaker.create_processing_job(
        **request(
            ProcessingInputs=[{**mine, "AppManaged": True}], ProcessingOutputConfig={"Outputs": [store]}
        )
    )


def _query(kind: str) -> dict[str, Any]:
    asked = {
        "Catalog": "c", "Database": "d", "QueryString": "q", "OutputS3Uri": "s3://b/o", "OutputFormat": "JSON"
    }  # fmt: skip
    return {"InputName": "q", "DatasetDefinition": {kind: asked}}


def _cluster(**members: Any) -> dict[str, Any]:
    return {"ClusterConfig": {"VolumeSizeInGB": 1, **members}}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an image nobody has": (
        {"AppSpecification": {"ImageUri": "nobody/has:1"}},
        "There is no image for 'nobody/has:1'",
    ),
    "an image without a program for it": (
        {"AppSpecification": {"ImageUri": IMAGE}},
        "Name one in AppSpecification.ContainerEntrypoint",
    ),
    "no data": (
        {"ProcessingInputs": [given(S3Uri=f"s3://{BUCKET}/p/absent")]},
        "No S3 objects found under S3 URL",
    ),
    "data by https": (
        {"ProcessingInputs": [given(S3Uri="https://b.s3.amazonaws.com/x")]},
        "it must have the form s3://bucket/prefix",
    ),
    "an input outside": (
        {"ProcessingInputs": [given(path="/opt/ml/input/data")]},
        "must be a full path below /opt/ml/processing/",
    ),
    "an input that climbs": (
        {"ProcessingInputs": [given(path=f"{HERE}/../model")]},
        "must be a full path below /opt/ml/processing/",
    ),
    "an input at no place": (
        {"ProcessingInputs": [given(path="")]},
        "The input 'in' has no LocalPath",
    ),
    "an input of nothing": (
        {"ProcessingInputs": [{"InputName": "in"}]},
        "The input 'in' has no S3Input",
    ),
    "a name twice": (
        {"ProcessingInputs": [given(), given(path=f"{HERE}/b")]},
        "ProcessingInputs has more than one input called 'in'",
    ),
    "a place twice": (
        {"ProcessingInputs": [given(), given("b", f"{HERE}/input/")]},
        "asked for twice: by the input 'in' and the input 'b'",
    ),
    "a place to read and write": (
        {"ProcessingInputs": [given(path=f"{HERE}/output")]},
        "asked for twice: by the input 'in' and the output 'out'",
    ),
    "an input in an output": (
        {"ProcessingInputs": [given(path=f"{HERE}/output/in")]},
        "inside the output 'out'",
    ),
    "an output in an input": (
        {
            "ProcessingInputs": [given(path=f"{HERE}/data")],
            "ProcessingOutputConfig": {"Outputs": [made(path=f"{HERE}/./data//out/")]},
        },
        f"The output 'out' lies at '{HERE}/data/out', inside the input 'in'",
    ),
    "a place twice in two ways to write it": (
        {"ProcessingInputs": [given(path=f"{HERE}/output"), given("b", f"{HERE}//output")]},
        "asked for twice: by the input 'in' and the input 'b'",
    ),
    "an output in all": (
        {"ProcessingOutputConfig": {"Outputs": [made(path=f"{HERE}/./")]}},
        "must be a full path below /opt/ml/processing/",
    ),
    "an output outside": (
        {"ProcessingOutputConfig": {"Outputs": [made(path="/opt/ml/model")]}},
        "must be a full path below /opt/ml/processing/",
    ),
    "an output to nowhere": (
        {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "out"}]}},
        "The output 'out' has no S3Output",
    ),
    "a bucket that is not there": (
        {"ProcessingOutputConfig": {"Outputs": [made(S3Uri="s3://absent-bucket-of-nobody/x")]}},
        "Create the bucket 'absent-bucket-of-nobody', or name another",
    ),
    "features put by us": (
        {
            "ProcessingOutputConfig": {
                "Outputs": [{"OutputName": "f", "FeatureStoreOutput": {"FeatureGroupName": "g"}}]
            }
        },
        "which goes with AppManaged only",
    ),
    "keys": (
        {"ProcessingOutputConfig": {"Outputs": [made()], "KmsKeyId": "alias/k"}},
        "objects are not encrypted with keys of KMS",
    ),
    "a query": (
        {"ProcessingInputs": [_query("AthenaDatasetDefinition")]},
        "there is no Athena and no Redshift here",
    ),
    "a pipe": (
        {"ProcessingInputs": [given(S3InputMode="Pipe")]},
        "S3InputMode Pipe, which is not supported by Clary",
    ),
    "gzip": (
        {"ProcessingInputs": [given(S3CompressionType="Gzip")]},
        "goes with the S3InputMode Pipe only",
    ),
    "no type": ({"ProcessingResources": _cluster(InstanceCount=1)}, "has no InstanceType"),
    "no count": ({"ProcessingResources": _cluster(InstanceType="ml.m5.large")}, "has no InstanceCount"),
    "too many": (
        {"ProcessingResources": _cluster(InstanceType="ml.m5.large", InstanceCount=99)},
        "ClusterConfig asks for 99 instances",
    ),
    "a role that is not there": (
        {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/absent"},
        "absent",
    ),
    "an experiment that is not there": (
        {"ExperimentConfig": {"ExperimentName": "absent-of-processing"}},
        "Requested resource not found",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_could_not_run_is_refused_with_a_way_out(sagemaker: Any, case: str) -> None:
    members, words = REFUSED[case]
    asked = copy.deepcopy(request(**members))
    with pytest.raises(ClientError) as refused:
        sagemaker.create_processing_job(**asked)
    assert words in refused.value.response["Error"]["Message"]
    with pytest.raises(ClientError, match="Could not find requested job"):
        sagemaker.describe_processing_job(ProcessingJobName=asked["ProcessingJobName"])


def test_an_input_may_lie_in_another(sagemaker: Any) -> None:
    inner = given("code", f"{HERE}/input/code")
    sagemaker.create_processing_job(**request(ProcessingInputs=[given(), inner]))
