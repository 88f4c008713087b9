"""Transform jobs as boto3 sees them: what is kept, told and refused. Nothing runs here."""

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
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    client = server.client("sagemaker")
    client.create_model(ModelName="transforms", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    return client


def request(name: str = "", **members: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/"}
    return {
        "TransformJobName": name or f"t-{uuid4().hex[:8]}",
        "ModelName": "transforms",
        "TransformInput": {
            "DataSource": {"S3DataSource": source}, "ContentType": "text/csv", "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out", "Accept": "text/csv"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **members,
    }  # fmt: skip


def test_a_job_is_described_with_what_holds_where_nothing_is_said(sagemaker: Any) -> None:
    capture = {"DestinationS3Uri": f"s3://{BUCKET}/captured", "KmsKeyId": "alias/key"}
    asked = request(Tags=[{"Key": "a", "Value": "b"}], Environment={"A": "b"}, DataCaptureConfig=capture)
    arn = sagemaker.create_transform_job(**asked)["TransformJobArn"]
    assert arn == f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:transform-job/{asked['TransformJobName']}"
    told = sagemaker.describe_transform_job(TransformJobName=asked["TransformJobName"])
    assert told["TransformJobStatus"] == "InProgress"
    assert told["TransformInput"] == {**asked["TransformInput"], "CompressionType": "None"}
    assert told["TransformOutput"] == {**asked["TransformOutput"], "AssembleWith": "None", "KmsKeyId": ""}
    assert told["DataProcessing"] == {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
    assert told["Environment"] == {"A": "b"} and told["DataCaptureConfig"] == capture
    assert not {"Tags", "MaxPayloadInMB", "TransformStartTime", "FailureReason"} & set(told)
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == asked["Tags"]


def test_a_job_is_listed_stopped_and_its_name_taken(sagemaker: Any) -> None:
    asked = request()
    name = asked["TransformJobName"]
    sagemaker.create_transform_job(**asked)
    with pytest.raises(ClientError, match="a job with this name already exists"):
        sagemaker.create_transform_job(**asked)
    sagemaker.stop_transform_job(TransformJobName=name)
    sagemaker.stop_transform_job(TransformJobName=name)
    [listed] = sagemaker.list_transform_jobs(NameContains=name, StatusEquals="Stopping")[
        "TransformJobSummaries"
    ]
    assert listed["TransformJobName"] == name and "TransformEndTime" not in listed
    for call in (sagemaker.describe_transform_job, sagemaker.stop_transform_job):
        with pytest.raises(ClientError, match="Could not find requested job with name: none"):
            call(TransformJobName="none")


JOIN = {"JoinSource": "Input"}
REFUSED = [
    ({"MaxPayloadInMB": 101}, "MaxPayloadInMB is 101; it cannot be greater than 100"),
    ({"MaxPayloadInMB": 30, "MaxConcurrentTransforms": 4}, "4 * 30 = 120; it cannot exceed 100 MB"),
    ({"MaxConcurrentTransforms": 17}, "17 * 6 = 102"),
    ({"BatchStrategy": "SingleRecord", "TransformInput.SplitType": "None"}, "needs records"),
    ({"TransformInput.DataSource.S3DataSource.S3DataType": "AugmentedManifestFile"}, "a ManifestFile"),
    ({"DataProcessing": {"InputFilter": "1:"}}, "Invalid InputFilter: Invalid JsonPath: 1:"),
    ({"DataProcessing": {"OutputFilter": "$['id']"}}, "of CSV only columns can be chosen"),
    ({"DataProcessing": JOIN, "TransformInput.ContentType": "x"}, "DataProcessing needs"),
    ({"DataProcessing": JOIN, "TransformOutput.Accept": "application/json"}, "both must be text/csv"),
    ({"DataProcessing": {"OutputFilter": "$[0]"}, "TransformOutput.Accept": "x"}, "Accept is"),
    ({"TransformOutput.KmsKeyId": "k"}, "TransformOutput.KmsKeyId is not supported"),
    ({"TransformResources.VolumeKmsKeyId": "k"}, "TransformResources.VolumeKmsKeyId is not supported"),

    ({"TransformOutput.S3OutputPath": "s3://no-such-bucket-here/x"}, "TransformOutput.S3OutputPath"),
    ({"ModelName": "none"}, "Could not find model"),
    ({"ExperimentConfig": {"TrialName": "none"}}, "Requested resource not found"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_could_not_run_is_refused(sagemaker: Any, changes: dict[str, Any], words: str) -> None:
    asked = copy.deepcopy(request())
    for path, value in changes.items():
        *above, last = path.split(".")
        place = asked
        for member in above:
            place = place[member]
        place[last] = value
    with pytest.raises(ClientError) as refused:
        sagemaker.create_transform_job(**asked)
    error = refused.value.response["Error"]
    assert words in error["Message"], error


def test_every_documented_filter_is_taken(sagemaker: Any) -> None:
    for path in ("$", "$[1:]", "$[0,-1]", "$[0,5:]", "$[:5]", "$[*]"):
        sagemaker.create_transform_job(**request(DataProcessing={"InputFilter": path, "OutputFilter": path}))
    asked = request(DataProcessing={"InputFilter": "$.features", "OutputFilter": "$['id','SageMakerOutput']"})
    asked["TransformInput"]["ContentType"] = asked["TransformOutput"]["Accept"] = "application/jsonlines"
    sagemaker.create_transform_job(**asked)
