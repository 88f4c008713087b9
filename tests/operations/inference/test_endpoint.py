"""What the calls around models, endpoint configurations and endpoints refuse, and what they want."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Server
from tests.operations.inference.conftest import BUCKET, DATA, IMAGE, ROLE, in_service, record, variant

from clary.core.document import Document


@pytest.mark.parametrize(
    ("container", "says"),
    [
        ({"Image": "nobody/knows:1"}, "There is no image for"),
        ({"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/nothing.tar.gz"}, "Could not find model data at"),
        ({"Image": IMAGE, "ModelDataUrl": "s3://no-such-bucket/m"}, "Could not find model data at"),
        ({"ModelPackageName": "p"}, "ModelPackage arn:.* does not exist"),
        ({"ModelDataUrl": DATA}, "has no Image"),
    ],
)
def test_a_model_that_could_not_be_served_is_refused(sagemaker: Any, container: Document, says: str) -> None:
    with pytest.raises(ClientError, match=says) as refused:
        sagemaker.create_model(ModelName="bad", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_model_without_a_role_is_refused(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="ExecutionRoleArn is missing"):
        sagemaker.create_model(ModelName="bad", PrimaryContainer={"Image": IMAGE})


@pytest.mark.parametrize(
    ("names", "mode", "says"),
    [
        (["a", "a"], "Serial", "more than one ContainerHostname 'a'"),
        (["a", ""], "Serial", "every one of the Containers a ContainerHostname, or none"),
        (["", ""], "Direct", "Mode Direct needs Containers with a ContainerHostname each"),
    ],
)
def test_containers_that_cannot_be_told_apart_are_refused(
    sagemaker: Any, names: list[str], mode: str, says: str
) -> None:
    containers = [{"Image": IMAGE, **({"ContainerHostname": name} if name else {})} for name in names]
    with pytest.raises(ClientError, match=says):
        sagemaker.create_model(
            ModelName="bad",
            ExecutionRoleArn=ROLE,
            Containers=containers,
            InferenceExecutionConfig={"Mode": mode},
        )


def test_an_endpoint_wants_every_container_of_a_pipeline(server: Server, sagemaker: Any) -> None:
    containers = [{"Image": IMAGE, "ModelDataUrl": DATA}, {"Image": IMAGE}]
    sagemaker.create_model(ModelName="pipe", ExecutionRoleArn=ROLE, Containers=containers)
    sagemaker.create_endpoint_config(
        EndpointConfigName="pipe", ProductionVariants=[variant(ModelName="pipe")]
    )
    sagemaker.create_endpoint(EndpointName="pipe", EndpointConfigName="pipe")
    (wanted,) = record(server, "pipe").doc["_Wanted"]["Variants"]
    assert wanted["Mode"] == "Serial"
    assert wanted["Containers"] == [
        {"ContainerHostname": "container-1", **containers[0]},
        {"ContainerHostname": "container-2", **containers[1]},
    ]
    sagemaker.create_model(
        ModelName="alone",
        ExecutionRoleArn=ROLE,
        Containers=[{"Image": IMAGE, "ContainerHostname": "only"}],
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="alone", ProductionVariants=[variant(ModelName="alone")]
    )
    sagemaker.create_endpoint(EndpointName="alone", EndpointConfigName="alone")
    (wanted,) = record(server, "alone").doc["_Wanted"]["Variants"]
    assert (wanted["Mode"], wanted["Containers"][0]["ContainerHostname"]) == ("Direct", "only")
    with pytest.raises(ClientError, match="has several containers"):
        sagemaker.create_transform_job(
            TransformJobName="pipe",
            ModelName="pipe",
            TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": DATA}}},
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"ProductionVariants": [variant(ModelName="absent")]}, "Could not find model"),
        ({"ProductionVariants": [variant(), variant()]}, "more than one variant called 'v'"),
        ({"ProductionVariants": [{"VariantName": "v", "ModelName": "m"}]}, "InstanceType is missing"),
        ({"ProductionVariants": [variant(CoreDumpConfig={"DestinationS3Uri": DATA})]}, "CoreDumpConfig"),
        ({"ProductionVariants": [variant()], "KmsKeyId": "key"}, "KmsKeyId is not supported"),
    ],
)
def test_a_configuration_that_no_endpoint_could_honour_is_refused(
    sagemaker: Any, members: Document, says: str
) -> None:
    with pytest.raises(ClientError, match=says):
        sagemaker.create_endpoint_config(EndpointConfigName="bad", **members)


def test_an_endpoint_wants_a_copy_of_configuration_and_model(server: Server, sagemaker: Any) -> None:
    sagemaker.create_endpoint(EndpointName="copy", EndpointConfigName="c1", Tags=[{"Key": "a", "Value": "b"}])
    (wanted,) = record(server, "copy").doc["_Wanted"]["Variants"]
    assert wanted["Container"] == {"Image": IMAGE, "ModelDataUrl": DATA}
    assert (wanted["Count"], wanted["Weight"], wanted["Role"]) == (1, 1.0, ROLE)
    assert sagemaker.describe_endpoint(EndpointName="copy")["EndpointStatus"] == "Creating"
    arn = record(server, "copy").arn
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]


def test_an_endpoint_without_its_configuration_is_refused(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        sagemaker.create_endpoint(EndpointName="lost", EndpointConfigName="absent")


def test_an_endpoint_in_progress_can_be_neither_updated_nor_deleted(sagemaker: Any) -> None:
    sagemaker.create_endpoint(EndpointName="busy", EndpointConfigName="c1")
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.update_endpoint(EndpointName="busy", EndpointConfigName="c2")
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.delete_endpoint(EndpointName="busy")


def test_an_update_wants_another_generation_and_still_shows_the_old_configuration(
    server: Server, sagemaker: Any
) -> None:
    in_service(server, sagemaker, "updated")
    sagemaker.update_endpoint(EndpointName="updated", EndpointConfigName="c2")
    endpoint = sagemaker.describe_endpoint(EndpointName="updated")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("Updating", "c1")
    assert endpoint["PendingDeploymentSummary"]["EndpointConfigName"] == "c2"
    wanted = record(server, "updated").doc["_Wanted"]
    assert (wanted["Generation"], wanted["Variants"][0]["Count"]) == (2, 3)


def test_an_update_can_keep_weights_and_numbers(server: Server, sagemaker: Any) -> None:
    in_service(server, sagemaker, "kept")
    sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="c2", RetainAllVariantProperties=True)
    assert record(server, "kept").doc["_Wanted"]["Variants"][0]["Count"] == 1


def test_other_weights_and_capacities_are_wanted_of_the_same_generation(
    server: Server, sagemaker: Any
) -> None:
    in_service(server, sagemaker, "scaled")
    desired: list[Document] = [{"VariantName": "v", "DesiredWeight": 2.0, "DesiredInstanceCount": 4}]
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="scaled", DesiredWeightsAndCapacities=desired
    )
    wanted = record(server, "scaled").doc["_Wanted"]
    assert (wanted["Generation"], wanted["Variants"][0]["Count"], wanted["Variants"][0]["Weight"]) == (
        1,
        4,
        2.0,
    )


def test_a_deleted_endpoint_is_no_longer_asked_at_once(server: Server, sagemaker: Any) -> None:
    in_service(server, sagemaker, "deleted")
    sagemaker.delete_endpoint(EndpointName="deleted")
    endpoint = record(server, "deleted")
    assert (endpoint.status, endpoint.doc["_Hosts"]) == ("Deleting", [])
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.delete_endpoint(EndpointName="deleted")
