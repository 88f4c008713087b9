"""Which condition keys a request answers, and that no documented one is forgotten."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from tests.operations.permissions.test_needs import BOB
from tests.store.opened import ACCOUNT, records

from clary.core.document import Document
from clary.operations.permissions.conditions import bound
from clary.operations.permissions.needs import needs
from clary.operations.permissions.plan import declarations, plan_of
from clary.operations.permissions.table import actions_of, names, prefix_of, table
from clary.store.records import Records
from clary.wire import models

SERVICES = (
    *("sagemaker", "sagemaker-runtime", "sagemaker-metrics", "sagemaker-featurestore-runtime"),
    *("sagemaker-a2i-runtime", "s3", "iam", "sts", "logs", "cloudwatch", "ecr", "application-autoscaling"),
    *("service-quotas", "resourcegroupstaggingapi", "organizations", "sns", "sqs", "events", "scheduler"),
)
P3, M5 = "ml.p3.2xlarge", "ml.m5.large"


@pytest.fixture
def store(tmp_path: Path) -> Records:
    return records(tmp_path)


def asked(store: Records, operation: str, request: Document, service: str = "sagemaker") -> Document:
    return dict(needs(service, operation, request, BOB, store)[0].context)


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("CreateTrainingJob", {"ResourceConfig": {"InstanceType": P3}}),
        ("CreateTrainingJob", {"ResourceConfig": {"InstanceGroups": [{"InstanceType": P3}]}}),
        ("CreateProcessingJob", {"ProcessingResources": {"ClusterConfig": {"InstanceType": P3}}}),
        ("CreateTransformJob", {"TransformResources": {"InstanceType": P3}}),
        ("CreateNotebookInstance", {"InstanceType": P3}),
        ("UpdateNotebookInstance", {"InstanceType": P3}),
        ("CreateApp", {"ResourceSpec": {"InstanceType": P3}}),
        (
            "CreateUserProfile",
            {"UserSettings": {"JupyterLabAppSettings": {"DefaultResourceSpec": {"InstanceType": P3}}}},
        ),
        ("CreateEndpointConfig", {"ProductionVariants": [{"InstanceType": M5}, {"InstanceType": P3}]}),
        ("CreateEndpointConfig", {"ShadowProductionVariants": [{"InstanceType": P3}]}),
        (
            "CreateHyperParameterTuningJob",
            {"TrainingJobDefinition": {"ResourceConfig": {"InstanceType": P3}}},
        ),
        (
            "CreateHyperParameterTuningJob",
            {
                "TrainingJobDefinitions": [
                    {"HyperParameterTuningResourceConfig": {"InstanceConfigs": [{"InstanceType": P3}]}}
                ]
            },
        ),
        ("CreateCluster", {"InstanceGroups": [{"InstanceType": P3}]}),
        (
            "CreateMonitoringSchedule",
            {
                "MonitoringScheduleConfig": {
                    "MonitoringJobDefinition": {
                        "MonitoringResources": {"ClusterConfig": {"InstanceType": P3}}
                    }
                }
            },
        ),
    ],
)
def test_every_instance_type_is_asked_about_wherever_it_stands(
    store: Records, operation: str, request_: Document
) -> None:
    assert P3 in asked(store, operation, request_)["sagemaker:instancetypes"]


def test_a_job_answers_all_that_conditions_may_ask(store: Records) -> None:
    request = {
        "TrainingJobName": "j",
        "ResourceConfig": {"InstanceType": M5, "VolumeKmsKeyId": "v", "KeepAlivePeriodInSeconds": 60},
        "OutputDataConfig": {"KmsKeyId": "o"},
        "VpcConfig": {"Subnets": ["a", "b"], "SecurityGroupIds": ["g"]},
        "StoppingCondition": {"MaxRuntimeInSeconds": 5},
        "EnableNetworkIsolation": True,
        "Environment": {"InstanceType": P3},
    }
    assert asked(store, "CreateTrainingJob", request) == {
        "sagemaker:instancetypes": (M5,),
        "sagemaker:keepaliveperiod": ("60",),
        "sagemaker:maxruntimeinseconds": ("5",),
        "sagemaker:networkisolation": ("true",),
        "sagemaker:outputkmskey": ("o",),
        "sagemaker:outputkmskeyarn": ("o",),
        "sagemaker:volumekmskey": ("v",),
        "sagemaker:volumekmskeyarn": ("v",),
        "sagemaker:vpcsecuritygroupids": ("g",),
        "sagemaker:vpcsubnets": ("a", "b"),
    }


def test_a_name_in_the_request_answers_a_key_that_asks_for_an_arn(store: Records) -> None:
    request = {"ProductionVariants": [{"ModelName": "M"}, {"ModelName": "n"}]}
    wanted = tuple(f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model/{name}" for name in "mn")
    assert asked(store, "CreateEndpointConfig", request)["sagemaker:modelarn"] == wanted


def test_maps_and_pairs_answer_one_key_each(store: Records) -> None:
    package = {"CustomerMetadataProperties": {"Stage": "x"}, "ModelLifeCycle": {"Stage": "Dev"}}
    assert asked(store, "CreateModelPackage", package) == {
        "sagemaker:customermetadataproperties/stage": ("x",),
        "sagemaker:modellifecycle:stage": ("Dev",),
    }
    search = {"VisibilityConditions": [{"Key": "Tags.team", "Value": "ml"}]}
    assert asked(store, "Search", search) == {"sagemaker:searchvisibilitycondition/tags.team": ("ml",)}


def test_keys_that_are_not_spelt_in_the_request_are_worked_out(store: Records) -> None:
    flow = {"HumanLoopConfig": {"WorkteamArn": "arn:aws:sagemaker:r:1:workteam/public-crowd/default"}}
    assert asked(store, "CreateFlowDefinition", flow)["sagemaker:workteamtype"] == ("public-crowd",)
    group = {"OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://b"}}}
    assert asked(store, "CreateFeatureGroup", group) == {
        "sagemaker:featuregroupofflinestoreconfig": ("true",),
        "sagemaker:featuregroupofflinestores3uri": ("s3://b",),
    }
    update = {"FeatureGroupName": "f", "Features": [{"FeatureName": "a"}, {"FeatureName": "b"}]}
    assert asked(store, "UpdateRecord", update, "sagemaker-featurestore-runtime") == {
        "sagemaker:isupdaterecord": ("true",),
        "sagemaker:updatablefeatures": ("a", "b"),
    }


def test_s3_keys_are_the_headers_of_the_request(store: Records) -> None:
    request = {"Bucket": "b", "Key": "k", "ACL": "private", "SSEKMSKeyId": "key", "Tagging": "A=b"}
    assert asked(store, "PutObject", request, "s3") == {
        "s3:x-amz-acl": ("private",),
        "s3:x-amz-server-side-encryption-aws-kms-key-id": ("key",),
        "s3:requestobjecttagkeys": ("A",),
        "s3:requestobjecttag/a": ("b",),
    }


@pytest.mark.parametrize("service", SERVICES)
def test_every_documented_key_is_bound_or_excused(service: str) -> None:
    bound_for: dict[str, set[str]] = defaultdict(set)
    asked_by: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for operation in models.service(service).operation_names:
        for name in actions_of(service, operation):
            action = table(prefix_of(service)).actions.get(name)
            if action is not None:
                bound_for[name] |= set(bound(service, operation, action))
                asked_by[name] |= {(operation, key) for key in action.keys}
    reasons = {**names()["unasked"], **names()["state"]}
    forgotten = {
        (operation, key)
        for name, listed in asked_by.items()
        for operation, key in listed
        if not key.startswith("aws:") and "ResourceTag/" not in key
        if key not in bound_for[name] and key not in reasons and f"{key} {operation}" not in reasons
    }
    assert not forgotten


def test_no_reason_is_given_for_a_key_that_is_not_documented() -> None:
    known = {key for prefix in map(prefix_of, SERVICES) for key in table(prefix).keys}
    listed = {*names()["unasked"], *names()["state"], *names()["conditions"], *names()["extracts"]}
    assert {text.partition(" ")[0] for text in listed} <= known


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_stands_for_a_documented_action_or_is_newer_than_the_data(service: str) -> None:
    for operation in models.service(service).operation_names:
        plan = plan_of(service, operation)
        newer = names()["newer"].get(plan.prefix, ())
        assert plan.documented or operation in newer, f"{operation}: name its action in names.json"


def test_declared_arns_are_cases_of_documented_ones() -> None:
    for (prefix, skeleton), resource in declarations().items():
        if prefix == "sagemaker":
            covered = any(kind.covers(skeleton) for kind in table(prefix).types.values())
            assert covered or f"Create{resource.kind}" in names()["newer"][prefix], resource.kind
