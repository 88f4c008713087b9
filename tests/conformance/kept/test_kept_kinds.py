"""Kinds that are kept: created with the least there is, described, listed, stopped, deleted, as modelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from tests.conformance.modelled import faults
from tests.generated_requests import ACCOUNT, IMAGE, ROLE, Author

from clary.operations.dispatch import Dispatcher
from clary.operations.kinds import Kind

if TYPE_CHECKING:
    from tests.conftest import Server

REGION = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
KINDS = {kind.resource.kind: kind for kind in Dispatcher().kinds("sagemaker")}
PLAIN = {"RoleArn": ROLE, "ExecutionRole": ROLE, "Tags": [{"Key": "team", "Value": "a"}]}
GIVEN: dict[str, dict[str, Any]] = {
    "AIBenchmarkJob": {},
    "AIRecommendationJob": {},
    "AIWorkloadConfig": {},
    "AutoMLJob": {},
    "Cluster": {
        "InstanceGroups": [
            {
                "InstanceGroupName": "workers",
                "InstanceCount": 2,
                "InstanceType": "ml.g5.xlarge",
                "ExecutionRole": ROLE,
                "TrainingPlanArn": f"{REGION}:training-plan/p",
            }
        ]
    },
    "ClusterSchedulerConfig": {},
    "CompilationJob": {"InputConfig": {"S3Uri": "s3://bucket/model.tar.gz", "Framework": "XGBOOST"}},
    "ComputeQuota": {},
    "DataQualityJobDefinition": {},
    "DeviceFleet": {},
    "EdgeDeploymentPlan": {},
    "EdgePackagingJob": {},
    "FlowDefinition": {},
    "HumanTaskUi": {},
    "InferenceComponent": {"Specification": {}, "RuntimeConfig": {"CopyCount": 2}},
    "InferenceExperiment": {},
    "InferenceRecommendationsJob": {},
    "InferenceRouter": {"ResourceArn": f"{REGION}:endpoint/e"},
    "Job": {"JobConfigSchemaVersion": "1.0.0", "JobConfigDocument": "{}"},
    "LabelingJob": {"WorkteamArn": f"{REGION}:workteam/private-crowd/absent"},
    "ModelBiasJobDefinition": {},
    "ModelExplainabilityJobDefinition": {},
    "ModelQualityJobDefinition": {},
    "MonitoringSchedule": {"MonitoringScheduleConfig": {"MonitoringJobDefinitionName": "absent"}},
    "OptimizationJob": {"OptimizationConfigs": [{"ModelQuantizationConfig": {}}]},
    "TrainingSession": {
        "BaseModelArn": "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/m/1.0.0"
    },
    "Workforce": {},
    "Workteam": {},
}
"""What a kind's least request needs beside what the model says."""

NOT_RUN = {
    name: KINDS[name]
    for name in GIVEN
    if any("docs/reference/operations.md" in str(value) for value in KINDS[name].resource.initial.values())
}
each = pytest.mark.parametrize("kind", [KINDS[name] for name in GIVEN], ids=list(GIVEN))


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture(scope="module")
def named(server: Server, sagemaker: Any) -> dict[str, Any]:
    """Make what some kinds refer to, and return its names by the members that take them."""
    name = f"kept-{uuid4().hex[:8]}"
    bucket = f"sagemaker-us-east-1-{ACCOUNT}"
    server.client("s3").put_object(Bucket=bucket, Key="kept/model.tar.gz", Body=b"not read")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/kept/model.tar.gz"},
    )
    variant = {
        "VariantName": "v",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.create_device_fleet(DeviceFleetName=name, OutputConfig={"S3OutputLocation": "s3://b/k"})
    sagemaker.create_ai_workload_config(AIWorkloadConfigName=name)
    cluster = sagemaker.create_cluster(ClusterName=name)["ClusterArn"]
    return {
        "ModelName": name,
        "EndpointName": name,
        "DeviceFleetName": name,
        "AIWorkloadConfigIdentifier": name,
        "ClusterArn": cluster,
    }


@each
def test_a_kept_one_is_answered_as_modelled_from_its_creation_to_its_end(
    sagemaker: Any, named: dict[str, Any], kind: Kind
) -> None:
    made, asked = _made(sagemaker, named, kind)
    told = _call(sagemaker, kind.operations["Describe"], asked)
    doc = told.get(kind.resource.envelope, told)
    if kind.resource.status:
        assert doc[kind.resource.status] == kind.resource.initial[kind.resource.status]
    for member in set(doc) & {"RoleArn", "EndpointName"}:
        assert doc[member] == made[member]
    if "Tags" not in told:
        assert sagemaker.list_tags(ResourceArn=doc[kind.arn_member])["Tags"] == PLAIN["Tags"]
    for verb in ("Stop", "Delete"):
        if verb in kind.operations:
            operation = kind.operations[verb]
            known = {**asked, "ModelVariantActions": {"x": "Remove"}}
            _call(sagemaker, operation, Author(known=known).request(operation, also=asked))
    if "Delete" in kind.operations:
        with pytest.raises(ClientError) as refused:
            _call(sagemaker, kind.operations["Describe"], asked)
        assert refused.value.response["Error"]["Code"] == kind.resource.missing


@each
def test_a_kept_one_is_listed(sagemaker: Any, named: dict[str, Any], kind: Kind) -> None:
    made, _ = _made(sagemaker, named, kind)
    operation = kind.operations["List"]
    assert operation.input_shape is not None
    members = operation.input_shape.members
    key = kind.resource.key()[-1]
    few = {"NameContains": made.get("Name", made.get(key))} if "NameContains" in members else {}
    where = {member: made[member] for member in operation.input_shape.required_members}
    answer = _call(sagemaker, operation, {**where, **few})
    listed = answer[kind.summary[0]]
    assert len(listed) == 1 or not few
    if kind.resource.status and "StatusEquals" in members:
        status = kind.resource.initial[kind.resource.status]
        assert _call(sagemaker, operation, {**where, **few, "StatusEquals": status})[kind.summary[0]]
        others = [value for value in members["StatusEquals"].metadata["enum"] if value != status]
        assert not _call(sagemaker, operation, {**where, **few, "StatusEquals": others[0]})[kind.summary[0]]


ENDS = {
    "AIBenchmarkJob": "EndTime",
    "AIRecommendationJob": "EndTime",
    "AutoMLJob": "EndTime",
    "CompilationJob": "CompilationEndTime",
    "InferenceExperiment": "CompletionTime",
    "InferenceRecommendationsJob": "CompletionTime",
    "Job": "EndTime",
    "OptimizationJob": "OptimizationEndTime",
    "TrainingSession": "EndTime",
}


@pytest.mark.parametrize("name", ENDS)
def test_what_is_not_run_ended_when_it_began(sagemaker: Any, named: dict[str, Any], name: str) -> None:
    kind = KINDS[name]
    _, asked = _made(sagemaker, named, kind)
    told = _call(sagemaker, kind.operations["Describe"], asked)
    doc = told.get(kind.resource.envelope, told)
    assert doc[ENDS[name]] == doc["CreationTime"]


@pytest.mark.parametrize("kind", NOT_RUN.values(), ids=list(NOT_RUN))
def test_what_is_not_run_says_so_and_where_to_look(sagemaker: Any, named: dict[str, Any], kind: Kind) -> None:
    _, asked = _made(sagemaker, named, kind)
    told = _call(sagemaker, kind.operations["Describe"], asked)
    doc = told.get(kind.resource.envelope, told)
    reasons = [value for value in doc.values() if "docs/reference/operations.md" in str(value)]
    assert reasons and "does not run them yet" in reasons[0]


@each
def test_a_taken_name_is_refused_as_declared(sagemaker: Any, named: dict[str, Any], kind: Kind) -> None:
    made, _ = _made(sagemaker, named, kind)
    with pytest.raises(ClientError) as refused:
        _call(sagemaker, kind.operations["Create"], {**made, **_again(kind)})
    generated = set(kind.resource.key()) & set(kind.resource.generated)
    wanted = "ConflictException" if generated else kind.resource.conflict
    assert refused.value.response["Error"]["Code"] == wanted


def _made(sagemaker: Any, named: dict[str, Any], kind: Kind) -> tuple[dict[str, Any], dict[str, Any]]:
    """Create one with the least there is; return what was asked for and what Describe asks."""
    name = f"n{uuid4().hex[:10]}"
    own = {member: name for member in kind.resource.key() if member not in kind.resource.generated}
    given = {**PLAIN, **named, "Name": name, **own, **GIVEN[kind.resource.kind]}
    given |= {"JobCategory": "AgentRFT"}
    wanted = [*own, *GIVEN[kind.resource.kind], "Tags"]
    made = Author(name=name, known=given).request(kind.operations["Create"], also=wanted)
    answer = _call(sagemaker, kind.operations["Create"], made)
    describe = kind.operations["Describe"].input_shape
    assert describe is not None
    return made, {member: answer.get(member) or made[member] for member in describe.required_members}


def _again(kind: Kind) -> dict[str, Any]:
    """Ask for the same with another token: the same token would be answered again."""
    return {kind.token: uuid4().hex} if kind.token else {}


def _call(sagemaker: Any, operation: OperationModel, asked: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = getattr(sagemaker, xform_name(operation.name))(**asked)
    assert faults(operation.output_shape, answer) == []
    return answer
