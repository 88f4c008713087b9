"""What is refused of an AsyncInferenceConfig, what an endpoint wants of it, and who may invoke it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Server
from tests.operations.inference.conftest import BUCKET, IMAGE, ROLE, record, variant

from clary.core.document import Document

OUTPUT = f"s3://{BUCKET}/async"
NO_TOPIC = "arn:aws:sns:us-east-1:000000000000:nobody"


def configure(sagemaker: Any, name: str, output: Document, **members: object) -> None:
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant()],
        AsyncInferenceConfig={"OutputConfig": output},
        **members,
    )


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ({}, r"OutputConfig\.S3OutputPath is missing"),
        ({"S3OutputPath": "s3://no-such-bucket/x"}, "Create the bucket 'no-such-bucket'"),
        (
            {"S3OutputPath": OUTPUT, "S3FailurePath": "s3://no-such-bucket/x"},
            r"bucket of AsyncInferenceConfig\.OutputConfig\.S3FailurePath",
        ),
        ({"S3OutputPath": OUTPUT, "KmsKeyId": "k"}, "KmsKeyId is not supported by Clary yet"),
        (
            {"S3OutputPath": OUTPUT, "NotificationConfig": {"ErrorTopic": NO_TOPIC}},
            f"The ErrorTopic {NO_TOPIC} does not exist",
        ),
    ],
)
def test_a_configuration_whose_answers_could_not_be_delivered_is_refused(
    sagemaker: Any, output: Document, says: str
) -> None:
    with pytest.raises(ClientError, match=says) as refused:
        configure(sagemaker, "async-bad", output)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_calls_of_an_asynchronous_endpoint_are_not_captured(sagemaker: Any) -> None:
    capture = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": OUTPUT,
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    with pytest.raises(ClientError, match="does not capture the calls of asynchronous endpoints"):
        configure(sagemaker, "async-captured", {"S3OutputPath": OUTPUT}, DataCaptureConfig=capture)


def test_an_endpoint_wants_what_its_configuration_says(server: Server, sagemaker: Any) -> None:
    topic = server.client("sns").create_topic(Name="sagemaker-async-wanted")["TopicArn"]
    output = {"S3OutputPath": OUTPUT, "NotificationConfig": {"SuccessTopic": topic}}
    configure(sagemaker, "async-wanted", output)
    sagemaker.create_endpoint(EndpointName="async-wanted", EndpointConfigName="async-wanted")
    assert record(server, "async-wanted").doc["_Wanted"]["AsyncInferenceConfig"] == {"OutputConfig": output}
    described = sagemaker.describe_endpoint_config(EndpointConfigName="async-wanted")
    assert described["AsyncInferenceConfig"] == {"OutputConfig": output}
    with pytest.raises(ClientError, match=r"async-wanted of account 000000000000 not found\. It is Creating"):
        server.client("sagemaker-runtime").invoke_endpoint_async(EndpointName="async-wanted", Body=b"x")


def test_containers_that_are_called_one_by_one_are_refused(sagemaker: Any) -> None:
    containers = [{"Image": IMAGE, "ContainerHostname": name} for name in ("a", "b")]
    sagemaker.create_model(
        ModelName="async-direct",
        ExecutionRoleArn=ROLE,
        Containers=containers,
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="async-direct",
        ProductionVariants=[{**variant(), "ModelName": "async-direct"}],
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": OUTPUT}},
    )
    with pytest.raises(ClientError, match="cannot be invoked asynchronously"):
        sagemaker.create_endpoint(EndpointName="async-direct", EndpointConfigName="async-direct")


def test_a_real_time_endpoint_takes_no_asynchronous_request(server: Server, sagemaker: Any) -> None:
    sagemaker.create_endpoint(EndpointName="async-none", EndpointConfigName="c1")
    endpoint = record(server, "async-none")
    server.stores.records.update(
        endpoint, {"EndpointStatus": "InService", "_Serving": endpoint.doc["_Wanted"]}
    )
    with pytest.raises(ClientError, match="async-none is not asynchronous") as refused:
        server.client("sagemaker-runtime").invoke_endpoint_async(EndpointName="async-none", Body=b"x")
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_who_may_invoke_may_not_invoke_asynchronously(server: Server, sagemaker: Any) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="async-user")
    allow = {"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_user_policy(UserName="async-user", PolicyName="p", PolicyDocument=policy)
    keys = iam.create_access_key(UserName="async-user")["AccessKey"]
    runtime = server.client("sagemaker-runtime", keys)
    arn = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/mine"
    says = f"not authorized to perform: sagemaker:InvokeEndpointAsync on resource: {arn}"
    with pytest.raises(ClientError, match=says):
        runtime.invoke_endpoint_async(EndpointName="mine", Body=b"x")
