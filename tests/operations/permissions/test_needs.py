"""Which permissions an operation needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.model import StructureShape
from tests.store.opened import ACCOUNT, records

from clary.core.document import Document
from clary.core.principal import Principal
from clary.operations import registry
from clary.operations.permissions.need import Need
from clary.operations.permissions.needs import needs as needed
from clary.operations.permissions.plan import members_of
from clary.resources import registry as resource_registry
from clary.resources.iam.role import ROLE
from clary.store.records import Records
from clary.wire import models

ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/R"
HERE = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
BOB = Principal(
    account=ACCOUNT,
    arn=f"arn:aws:iam::{ACCOUNT}:user/bob",
    user_id="AIDABOB",
    grants=f"arn:aws:iam::{ACCOUNT}:user/bob",
    kind="user",
)


def needs(store: Records, service: str, operation: str, request: Document) -> list[Need]:
    return needed(service, operation, request, BOB, store)


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
    store: Records, operation: str, request_: Document, wanted: list[tuple[str, str]]
) -> None:
    listed = needs(store, "s3", operation, request_)
    found = [(need.action, need.resource.removeprefix("arn:aws:s3:::")) for need in listed]
    assert found == wanted


def test_every_s3_operation_that_is_built_needs_something_on_its_bucket(store: Records) -> None:
    operations, _ = registry.load()
    for service, name in operations:
        if service == "s3" and name != "ListBuckets":
            request = {"Bucket": "b", "Key": "k", "CopySource": "b/k", "Delete": {"Objects": [{"Key": "k"}]}}
            listed = needs(store, "s3", name, request)
            assert all(need.resource.startswith("arn:aws:s3:::b") for need in listed), name


BY_ANOTHER_NAME = {
    "FeatureMetadata": "decided about by its feature group",
    "HubContent": "decided about without its version",
    "LineageGroup": "documented without resource types",
}
THEIRS = "arn:aws:sagemaker:us-east-1:111111111111"


@pytest.mark.parametrize(
    ("service", "operation", "request_", "resources"),
    [
        ("sagemaker", "DescribeTrainingJob", {"TrainingJobName": "j"}, ["training-job/j"]),
        ("sagemaker", "StopTrainingJob", {"TrainingJobName": "j"}, ["training-job/j"]),
        ("sagemaker", "CreateModel", {"ModelName": "M"}, ["model/m"]),
        ("sagemaker", "UpdateEndpointWeightsAndCapacities", {"EndpointName": "e"}, ["endpoint/e"]),
        ("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "e"}, ["endpoint/e"]),
        ("sagemaker", "AddTags", {"ResourceArn": f"{HERE}:model/m"}, ["model/m"]),
        ("sagemaker", "ListTrainingJobs", {"NameContains": "x"}, ["*"]),
        ("sagemaker", "DescribeTrainingJob", {}, ["training-job/*"]),
        ("sagemaker", "DescribeTrainingJob", {"TrainingJobName": 7}, ["training-job/*"]),
        ("sagemaker", "ListHubContents", {"HubName": "h", "HubContentType": "Model"}, ["hub/h"]),
        ("sagemaker", "CreateDomain", {"DomainName": "d"}, ["domain/*"]),
        (
            "sagemaker",
            "CreateApp",
            {"DomainId": "d-1", "UserProfileName": "u", "AppType": "JupyterLab", "AppName": "a"},
            ["app/d-1/u/jupyterlab/a"],
        ),
        (
            "sagemaker",
            "DescribeApp",
            {"DomainId": "d-1", "SpaceName": "s", "AppType": "JupyterLab", "AppName": "a"},
            ["app/d-1/s/jupyterlab/a"],
        ),
        (
            "sagemaker",
            "CreateEndpoint",
            {"EndpointName": "e", "EndpointConfigName": "c"},
            ["endpoint/e", "endpoint-config/c"],
        ),
        (
            "sagemaker",
            "BatchDescribeModelPackage",
            {"ModelPackageArnList": [f"{HERE}:model-package/g/1", f"{THEIRS}:model-package/g/2"]},
            ["model-package/g/1", f"{THEIRS}:model-package/g/2"],
        ),
        (
            "sagemaker",
            "QueryLineage",
            {"StartArns": [f"{HERE}:artifact/a", f"{HERE}:context/b"]},
            ["*", "artifact/a", "context/b"],
        ),
        (
            "sagemaker",
            "AddAssociation",
            {"SourceArn": f"{HERE}:artifact/a", "DestinationArn": f"{HERE}:context/b"},
            ["artifact/a", "context/b"],
        ),
        ("sagemaker", "DescribeModelPackage", {"ModelPackageName": "old"}, ["model-package/old"]),
        ("sagemaker", "CreateModelPackage", {"ModelPackageGroupName": "g"}, ["model-package/g/*"]),
        (
            "sagemaker",
            "ListModelPackages",
            {"ModelPackageGroupName": f"{THEIRS}:model-package-group/g"},
            [f"{THEIRS}:model-package/g/*"],
        ),
        (
            "sagemaker",
            "CreateModel",
            {"ModelName": "m", "PrimaryContainer": {"ModelPackageName": f"{THEIRS}:model-package/g/1"}},
            ["model/m", f"{THEIRS}:model-package/g/1"],
        ),
        (
            "sagemaker",
            "CreateModel",
            {"ModelName": "m", "PrimaryContainer": {"Environment": {"ARN": f"{THEIRS}:model-package/g/1"}}},
            ["model/m"],
        ),
        (
            "sagemaker-metrics",
            "BatchGetMetrics",
            {"MetricQueries": [{"ResourceArn": f"{HERE}:training-job/x"}]},
            ["training-job/x"],
        ),
        (
            "sagemaker-featurestore-runtime",
            "BatchGetRecord",
            {"Identifiers": [{"FeatureGroupName": "f"}, {"FeatureGroupName": f"{THEIRS}:feature-group/g"}]},
            [f"{THEIRS}:feature-group/g"],
        ),
    ],
)
def test_sagemaker_operations_act_on_what_they_name(
    store: Records, service: str, operation: str, request_: Document, resources: list[str]
) -> None:
    found = needs(store, service, operation, request_)
    assert {need.action for need in found} == {f"sagemaker:{operation}"}
    assert [need.resource.removeprefix(f"{HERE}:") for need in found] == resources


@pytest.mark.parametrize(
    ("service", "operation", "request_", "wanted"),
    [
        ("cloudwatch", "PutMetricData", {"Namespace": "n"}, [("cloudwatch:PutMetricData", "*")]),
        (
            "cloudwatch",
            "DescribeAlarms",
            {"AlarmNames": ["a", "b"]},
            [
                ("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{name}")
                for name in "ab"
            ],
        ),
        ("ecr", "GetAuthorizationToken", {}, [("ecr:GetAuthorizationToken", "*")]),
        (
            "ecr",
            "BatchGetImage",
            {"repositoryName": "a/b"},
            [("ecr:BatchGetImage", f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/a/b")],
        ),
        (
            "service-quotas",
            "GetServiceQuota",
            {"ServiceCode": "sagemaker", "QuotaCode": "L-1"},
            [
                (
                    "servicequotas:GetServiceQuota",
                    f"arn:aws:servicequotas:us-east-1:{ACCOUNT}:sagemaker/L-1",
                )
            ],
        ),
        (
            "resourcegroupstaggingapi",
            "TagResources",
            {"ResourceARNList": [f"{HERE}:model/m", "arn:aws:s3:::b"]},
            [
                ("tag:TagResources", "*"),
                ("sagemaker:AddTags", f"{HERE}:model/m"),
                ("s3:TagResource", "arn:aws:s3:::b"),
            ],
        ),
        ("organizations", "ListAccounts", {}, [("organizations:ListAccounts", "*")]),
        ("sts", "AssumeRole", {"RoleArn": ROLE_ARN}, []),
        ("sts", "GetCallerIdentity", {}, []),
    ],
)
def test_neighbours_act_on_what_they_name(
    store: Records, service: str, operation: str, request_: Document, wanted: list[tuple[str, str]]
) -> None:
    found = needs(store, service, operation, request_)
    assert [(need.action, need.resource) for need in found] == wanted


def test_every_role_in_a_request_must_be_passed_wherever_it_stands(store: Records) -> None:
    request = {
        "HyperParameterTuningJobName": "t",
        "TrainingJobDefinition": {"RoleArn": ROLE_ARN, "StaticHyperParameters": {"RoleArn": ROLE_ARN + "x"}},
        "TrainingJobDefinitions": [{"RoleArn": ROLE_ARN + "2"}, {"RoleArn": ROLE_ARN}],
    }
    found = needs(store, "sagemaker", "CreateHyperParameterTuningJob", request)
    passed = [need for need in found if need.action == "iam:PassRole"]
    assert [need.resource for need in passed] == [ROLE_ARN, ROLE_ARN + "2"]
    assert all(need.context["iam:passedtoservice"] == ("sagemaker.amazonaws.com",) for need in passed)


def test_tagging_while_creating_needs_the_permission_to_tag(store: Records) -> None:
    tags = [{"Key": "Team", "Value": "ml"}]
    first, second = needs(store, "sagemaker", "CreateModel", {"ModelName": "m", "Tags": tags})
    assert (second.action, second.resource) == ("sagemaker:AddTags", first.resource)
    assert second.context["sagemaker:taggingaction"] == ("CreateModel",)
    request = {"RoleName": "r", "Path": "/x/", "Tags": tags}
    assert [(need.action, need.resource) for need in needs(store, "iam", "CreateRole", request)] == [
        (action, f"arn:aws:iam::{ACCOUNT}:role/x/r") for action in ("iam:CreateRole", "iam:TagRole")
    ]


def test_iam_operations_act_on_the_arn_with_its_path(store: Records) -> None:
    store.create(ROLE, {"RoleName": "R", "Path": "/team/", "RoleId": "AROAR"})
    [need] = needs(store, "iam", "GetRole", {"RoleName": "R"})
    assert (need.action, need.resource) == ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/team/R")
    [need] = needs(store, "iam", "AttachRolePolicy", {"RoleName": "R", "PolicyArn": "arn:p"})
    assert need.context == {"iam:policyarn": ("arn:p",)}
    [need] = needs(store, "iam", "GetPolicy", {"PolicyArn": "arn:aws:iam::aws:policy/A"})
    assert need.resource == "arn:aws:iam::aws:policy/A"
    assert needs(store, "iam", "GetUser", {})[0].resource == BOB.grants
    assert needs(store, "iam", "ListRoles", {})[0].resource == "*"


def test_logs_operations_act_on_group_and_stream(store: Records) -> None:
    place = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:"
    request = {"logGroupName": "/g", "logStreamName": "s"}
    for operation, given, resource in (
        ("GetLogEvents", request, f"{place}/g:log-stream:s"),
        ("DescribeLogStreams", request, f"{place}/g:log-stream:"),
        ("FilterLogEvents", {"logGroupIdentifier": f"{place}/g:*"}, f"{place}/g:log-stream:"),
        ("ListTagsForResource", {"resourceArn": f"{place}/g"}, f"{place}/g"),
    ):
        [need] = needs(store, "logs", operation, given)
        assert (need.action, need.resource) == (f"logs:{operation}", resource)


def test_every_declared_kind_is_decided_about_by_the_arn_that_it_has(store: Records) -> None:
    kinds = [kind for (service, _), kind in resource_registry.load().items() if service == "sagemaker"]
    for kind in kinds:
        told = models.service("sagemaker").operation_names
        describe = kind.named.get("Describe", f"Describe{kind.kind}")
        members = dict.fromkeys([*kind.key(), *members_of(kind)], "Xy-1")
        if describe in told and kind.kind not in BY_ANOTHER_NAME:
            shape = models.service("sagemaker").operation_model(describe).input_shape
            assert isinstance(shape, StructureShape)
            request = {member: value for member, value in members.items() if member in shape.members}
            found = [need.resource for need in needs(store, "sagemaker", describe, request)]
            assert store.arn(kind, request) in found, kind.kind
