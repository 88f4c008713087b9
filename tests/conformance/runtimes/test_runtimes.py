"""The smaller SageMaker services: every operation answers as modelled, truly or with a modelled error."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from tests.conformance.modelled import codes, faults
from tests.generated_requests import ACCOUNT, ROLE, Author

from clary.operations.dispatch import Dispatcher
from clary.wire import models

if TYPE_CHECKING:
    from tests.conftest import Server

SERVICES = (
    "sagemaker-a2i-runtime",
    "sagemaker-edge",
    "sagemaker-featurestore-runtime",
    "sagemaker-geospatial",
    "sagemaker-inference-router-runtime",
    "sagemakerjobruntime",
    "sagemakertrainingsessionruntime",
)
EVERY = [(service, name) for service in SERVICES for name in models.service(service).operation_names]
COMMON = frozenset({"ValidationException", "AccessDeniedException", "ThrottlingException"})
ARN = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
GEO = f"arn:aws:sagemaker-geospatial:us-east-1:{ACCOUNT}"
GIVEN = {
    "ExecutionRoleArn": ROLE,
    "FlowDefinitionArn": f"{ARN}:flow-definition/absent",
    "JobArn": f"{ARN}:job/AgentRFT/absent",
    "ResourceArn": f"{GEO}:vector-enrichment-job/abcdefghijkl",
    "EventTime": "2026-11-23T12:00:00Z",
    "InputContent": "{}",
    "DocumentType": "CSV",
}
ARNS = {
    "RasterDataCollection": f"{GEO}:raster-data-collection/public/abcdefghijkl",
    "EarthObservation": f"{GEO}:earth-observation-job/abcdefghijkl",
    "VectorEnrichment": f"{GEO}:vector-enrichment-job/abcdefghijkl",
    "GetTile": f"{GEO}:earth-observation-job/abcdefghijkl",
}


@pytest.mark.parametrize(("service", "name"), EVERY, ids=[f"{s}-{n}" for s, n in EVERY])
def test_every_operation_is_served_and_answers_as_modelled(server: Server, service: str, name: str) -> None:
    assert Dispatcher().find(service, name) is not None
    operation = models.service(service).operation_model(name)
    given = {**GIVEN, "Arn": next((arn for word, arn in ARNS.items() if word in name), "")}
    request = Author(known=given).request(operation, also=given)
    client = server.client(service)
    try:
        answer = getattr(client, xform_name(name))(**request)
    except ClientError as error:
        assert error.response["Error"]["Code"] in codes(operation, COMMON), error
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
        assert error.response["Error"]["Message"]
    else:
        assert faults(operation.output_shape, answer) == []


def test_a_human_loop_is_kept_and_has_failed(server: Server) -> None:
    sagemaker, loops = server.client("sagemaker"), server.client("sagemaker-a2i-runtime")
    name = f"flow{uuid4().hex[:8]}"
    flow = sagemaker.create_flow_definition(
        FlowDefinitionName=name, RoleArn=ROLE, OutputConfig={"S3OutputPath": "s3://bucket/out"}
    )["FlowDefinitionArn"]
    asked = {"HumanLoopName": name, "FlowDefinitionArn": flow, "HumanLoopInput": {"InputContent": "{}"}}
    arn = loops.start_human_loop(**asked)["HumanLoopArn"]
    told = loops.describe_human_loop(HumanLoopName=name)
    assert (told["HumanLoopArn"], told["HumanLoopStatus"]) == (arn, "Failed")
    assert "docs/reference/operations.md" in told["FailureReason"]
    with pytest.raises(loops.exceptions.ConflictException):
        loops.start_human_loop(**asked)
    [listed] = loops.list_human_loops(FlowDefinitionArn=flow)["HumanLoopSummaries"]
    assert listed["HumanLoopName"] == name
    loops.stop_human_loop(HumanLoopName=name)
    loops.delete_human_loop(HumanLoopName=name)
    with pytest.raises(loops.exceptions.ResourceNotFoundException):
        loops.describe_human_loop(HumanLoopName=name)


def test_a_device_that_was_heard_is_counted_as_connected(server: Server) -> None:
    sagemaker, edge = server.client("sagemaker"), server.client("sagemaker-edge")
    fleet = f"fleet{uuid4().hex[:8]}"
    sagemaker.create_device_fleet(DeviceFleetName=fleet, OutputConfig={"S3OutputLocation": "s3://bucket/k"})
    sagemaker.register_devices(
        DeviceFleetName=fleet, Devices=[{"DeviceName": "one"}, {"DeviceName": "two", "Description": "d"}]
    )
    device = {"DeviceFleetName": fleet, "DeviceName": "one"}
    assert edge.get_device_registration(**device)["DeviceRegistration"] == "REGISTERED"
    edge.send_heartbeat(
        **device,
        AgentVersion="1.0.0",
        Models=[{"ModelName": "model", "ModelVersion": "2", "ModelMetrics": []}],
    )
    told = sagemaker.describe_device(**device)
    assert told["AgentVersion"] == "1.0.0" and told["LatestHeartbeat"]
    report = sagemaker.get_device_fleet_report(DeviceFleetName=fleet)
    assert report["DeviceStats"] == {"ConnectedDeviceCount": 1, "RegisteredDeviceCount": 2}
    assert report["AgentVersions"] == [{"Version": "1.0.0", "AgentCount": 1}]
    assert [model["ModelName"] for model in report["ModelStats"]] == ["model"]
    assert edge.get_deployments(**device)["Deployments"] == []
    listed = sagemaker.list_devices(DeviceFleetName=fleet, ModelName="model")["DeviceSummaries"]
    assert [each["DeviceName"] for each in listed] == ["one"]
    sagemaker.update_devices(DeviceFleetName=fleet, Devices=[{"DeviceName": "one", "Description": "new"}])
    assert sagemaker.describe_device(**device)["Description"] == "new"
    with pytest.raises(sagemaker.exceptions.ResourceInUse):
        sagemaker.delete_device_fleet(DeviceFleetName=fleet)
    sagemaker.deregister_devices(DeviceFleetName=fleet, DeviceNames=["one", "two", "absent"])
    sagemaker.delete_device_fleet(DeviceFleetName=fleet)


def test_an_enrichment_job_is_kept_and_tagged(server: Server) -> None:
    geospatial = server.client("sagemaker-geospatial")
    data = {"S3Data": {"S3Uri": "s3://bucket/points.csv"}}
    asked = {
        "Name": f"j{uuid4().hex[:8]}",
        "ExecutionRoleArn": ROLE,
        "InputConfig": {"DocumentType": "CSV", "DataSourceConfig": data},
        "JobConfig": {
            "ReverseGeocodingConfig": {"XAttributeName": "x", "YAttributeName": "y"},
        },
        "Tags": {"team": "a"},
        "ClientToken": str(uuid4()),
    }
    made = geospatial.start_vector_enrichment_job(**asked)
    assert (made["Type"], made["Status"]) == ("REVERSE_GEOCODING", "FAILED")
    assert geospatial.start_vector_enrichment_job(**asked)["Arn"] == made["Arn"]
    told = geospatial.get_vector_enrichment_job(Arn=made["Arn"])
    assert "docs/reference/operations.md" in told["ErrorDetails"]["ErrorMessage"]
    geospatial.tag_resource(ResourceArn=made["Arn"], Tags={"cost": "b"})
    geospatial.untag_resource(ResourceArn=made["Arn"], TagKeys=["team"])
    assert geospatial.list_tags_for_resource(ResourceArn=made["Arn"])["Tags"] == {"cost": "b"}
    pages = geospatial.list_vector_enrichment_jobs(
        StatusEquals="FAILED", SortBy="Name", SortOrder="ASCENDING"
    )
    assert made["Arn"] in [job["Arn"] for job in pages["VectorEnrichmentJobSummaries"]]
    geospatial.delete_vector_enrichment_job(Arn=made["Arn"])
    with pytest.raises(geospatial.exceptions.ResourceNotFoundException):
        geospatial.get_vector_enrichment_job(Arn=made["Arn"])


def test_what_is_there_but_failed_refuses_to_run(server: Server) -> None:
    sagemaker, jobs = server.client("sagemaker"), server.client("sagemakerjobruntime")
    arn = sagemaker.create_job(
        JobName=f"j{uuid4().hex[:8]}",
        RoleArn=ROLE,
        JobCategory="AgentRFT",
        JobConfigSchemaVersion="1.0.0",
        JobConfigDocument="{}",
    )["JobArn"]
    with pytest.raises(jobs.exceptions.ValidationException, match="is Failed"):
        jobs.sample(JobArn=arn, TrajectoryId="t" * 20, Body=b"{}")
