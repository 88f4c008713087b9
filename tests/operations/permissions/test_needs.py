"""Which permissions an operation needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.store.opened import ACCOUNT, records

from clary.core.document import Document
from clary.core.principal import Principal
from clary.operations import registry
from clary.operations.permissions import iam, logs, s3, sagemaker
from clary.resources.iam.role import ROLE
from clary.store.records import Records

ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/R"
HERE = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
BOB = Principal(
    account=ACCOUNT,
    arn=f"arn:aws:iam::{ACCOUNT}:user/bob",
    user_id="AIDABOB",
    grants=f"arn:aws:iam::{ACCOUNT}:user/bob",
    kind="user",
)


@pytest.fixture
def store(tmp_path: Path) -> Records:
    return records(tmp_path)


@pytest.mark.parametrize(
    ("operation", "request_", "wanted"),
    [
        ("ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
        ("HeadBucket", {"Bucket": "b"}, [("s3:ListBucket", "b")]),
        ("ListObjectsV2", {"Bucket": "b", "Prefix": "p"}, [("s3:ListBucket", "b")]),
        ("CreateBucket", {"Bucket": "b"}, [("s3:CreateBucket", "b")]),
        ("PutBucketPolicy", {"Bucket": "b"}, [("s3:PutBucketPolicy", "b")]),
        ("GetBucketCors", {"Bucket": "b"}, [("s3:GetBucketCORS", "b")]),
        ("HeadObject", {"Bucket": "b", "Key": "k"}, [("s3:GetObject", "b/k")]),
        ("GetObject", {"Bucket": "b", "Key": "k", "VersionId": "1"}, [("s3:GetObjectVersion", "b/k")]),
        ("PutObject", {"Bucket": "b", "Key": "a/../k"}, [("s3:PutObject", "b/a/../k")]),
        (
            "PutObject",
            {"Bucket": "b", "Key": "k", "Tagging": "a=b"},
            [("s3:PutObject", "b/k"), ("s3:PutObjectTagging", "b/k")],
        ),
        ("UploadPart", {"Bucket": "b", "Key": "k"}, [("s3:PutObject", "b/k")]),
        ("AbortMultipartUpload", {"Bucket": "b", "Key": "k"}, [("s3:AbortMultipartUpload", "b/k")]),
        (
            "CopyObject",
            {"Bucket": "b", "Key": "k", "CopySource": "/c/x%20y"},
            [("s3:GetObject", "c/x y"), ("s3:PutObject", "b/k")],
        ),
        (
            "DeleteObjects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "x"}, {"Key": "y"}]}},
            [("s3:DeleteObject", "b/x"), ("s3:DeleteObject", "b/y")],
        ),
    ],
)
def test_s3_operations_stand_for_their_documented_actions(
    operation: str, request_: Document, wanted: list[tuple[str, str]]
) -> None:
    found = [
        (need.action, need.resource.removeprefix("arn:aws:s3:::")) for need in s3.needs(operation, request_)
    ]
    assert found == wanted


def test_every_s3_operation_that_is_built_needs_something_on_its_bucket() -> None:
    operations, _ = registry.load()
    for service, name in operations:
        if service == "s3" and name != "ListBuckets":
            request = {"Bucket": "b", "Key": "k", "CopySource": "b/k", "Delete": {"Objects": [{"Key": "k"}]}}
            assert all(need.resource.startswith("arn:aws:s3:::b") for need in s3.needs(name, request)), name


@pytest.mark.parametrize(
    ("service", "operation", "request_", "resource"),
    [
        ("sagemaker", "DescribeTrainingJob", {"TrainingJobName": "j"}, "training-job/j"),
        ("sagemaker", "StopTrainingJob", {"TrainingJobName": "j"}, "training-job/j"),
        ("sagemaker", "CreateModel", {"ModelName": "m"}, "model/m"),
        ("sagemaker", "DescribeEndpoint", {"EndpointName": "e"}, "endpoint/e"),
        ("sagemaker", "UpdateEndpointWeightsAndCapacities", {"EndpointName": "e"}, "endpoint/e"),
        ("sagemaker", "DescribeEndpointConfig", {"EndpointConfigName": "c"}, "endpoint-config/c"),
        ("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "e"}, "endpoint/e"),
        ("sagemaker", "AddTags", {"ResourceArn": f"{HERE}:model/m"}, "model/m"),
        ("sagemaker", "ListTrainingJobs", {"NameContains": "x"}, "*"),
        ("sagemaker", "DescribeTrainingJob", {}, "*"),
        ("sagemaker", "DescribeTrainingJob", {"TrainingJobName": 7}, "*"),
    ],
)
def test_sagemaker_operations_act_on_what_they_name(
    store: Records, service: str, operation: str, request_: Document, resource: str
) -> None:
    [need] = sagemaker.needs(service, operation, request_, store)
    assert need.action == f"sagemaker:{operation}"
    assert need.resource.removeprefix(f"{HERE}:") == resource


def test_every_role_in_a_request_must_be_passed_wherever_it_stands(store: Records) -> None:
    request = {
        "HyperParameterTuningJobName": "t",
        "TrainingJobDefinition": {"RoleArn": ROLE_ARN, "StaticHyperParameters": {"RoleArn": ROLE_ARN + "x"}},
        "TrainingJobDefinitions": [{"RoleArn": ROLE_ARN + "2"}, {"RoleArn": ROLE_ARN}],
    }
    found = sagemaker.needs("sagemaker", "CreateHyperParameterTuningJob", request, store)
    passed = [need for need in found if need.action == "iam:PassRole"]
    assert [need.resource for need in passed] == [ROLE_ARN, ROLE_ARN + "2"]
    assert all(need.context["iam:passedtoservice"] == ("sagemaker.amazonaws.com",) for need in passed)


def test_conditions_may_ask_about_what_a_job_runs_on(store: Records) -> None:
    request = {
        "TrainingJobName": "j",
        "ResourceConfig": {"InstanceType": "ml.m5.large", "VolumeKmsKeyId": "key"},
        "VpcConfig": {"Subnets": ["a", "b"], "SecurityGroupIds": ["g"]},
        "EnableNetworkIsolation": True,
        "Tags": [{"Key": "Team", "Value": "ml"}],
    }
    first, *rest = sagemaker.needs("sagemaker", "CreateTrainingJob", request, store)
    assert first.context == {
        "sagemaker:instancetypes": ("ml.m5.large",),
        "sagemaker:volumekmskey": ("key",),
        "sagemaker:vpcsubnets": ("a", "b"),
        "sagemaker:vpcsecuritygroupids": ("g",),
        "sagemaker:networkisolation": ("true",),
    }
    assert [need.action for need in rest] == ["sagemaker:AddTags"]


def test_an_endpoint_needs_its_configuration_too(store: Records) -> None:
    request = {"EndpointName": "e", "EndpointConfigName": "c"}
    found = sagemaker.needs("sagemaker", "CreateEndpoint", request, store)
    assert [need.resource for need in found] == [f"{HERE}:endpoint/e", f"{HERE}:endpoint-config/c"]


def test_iam_operations_act_on_the_arn_with_its_path(store: Records) -> None:
    store.create(ROLE, {"RoleName": "R", "Path": "/team/", "RoleId": "AROAR"})
    [need] = iam.needs("GetRole", {"RoleName": "R"}, BOB, store)
    assert (need.action, need.resource) == ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/team/R")
    [need] = iam.needs("CreateRole", {"RoleName": "S", "Path": "/x/"}, BOB, store)
    assert need.resource == f"arn:aws:iam::{ACCOUNT}:role/x/S"
    [need] = iam.needs("AttachRolePolicy", {"RoleName": "R", "PolicyArn": "arn:p"}, BOB, store)
    assert need.context == {"iam:policyarn": ("arn:p",)}
    assert iam.needs("GetUser", {}, BOB, store)[0].resource == BOB.grants
    assert iam.needs("ListRoles", {}, BOB, store)[0].resource == "*"


def test_logs_operations_act_on_group_and_stream() -> None:
    place = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:"
    request = {"logGroupName": "/g", "logStreamName": "s"}
    for operation, resource in (
        ("GetLogEvents", f"{place}/g:log-stream:s"),
        ("DescribeLogStreams", f"{place}/g:log-stream:"),
    ):
        [need] = logs.needs(operation, request, ACCOUNT, "us-east-1")
        assert need.resource == resource
    [need] = logs.needs("FilterLogEvents", {"logGroupIdentifier": f"{place}/g:*"}, ACCOUNT, "us-east-1")
    assert need.resource == f"{place}/g:log-stream:"
