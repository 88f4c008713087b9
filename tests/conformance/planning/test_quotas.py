"""Compute quotas and scheduler configurations of clusters, and the training plans that nobody offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.generated_requests import ACCOUNT

if TYPE_CHECKING:
    from tests.conftest import Server


def refusal(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    code: str = refused.value.response["Error"]["Code"]
    return code


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture
def name() -> str:
    return f"n{uuid4().hex[:10]}"


def test_a_change_names_the_version_it_is_of(sagemaker: Any, name: str) -> None:
    cluster = sagemaker.create_cluster(ClusterName=name)["ClusterArn"]
    asked = {
        "Name": name,
        "ClusterArn": cluster,
        "ComputeQuotaConfig": {"ComputeQuotaResources": [{"InstanceType": "ml.g5.xlarge", "Count": 1}]},
        "ComputeQuotaTarget": {"TeamName": "team"},
    }
    made = sagemaker.create_compute_quota(**asked)["ComputeQuotaId"]
    assert refusal(sagemaker.create_compute_quota, **asked) == "ConflictException"
    changed = sagemaker.update_compute_quota(ComputeQuotaId=made, TargetVersion=1, Description="d")
    assert changed["ComputeQuotaVersion"] == 2
    late = {"ComputeQuotaId": made, "TargetVersion": 1, "Description": "e"}
    assert refusal(sagemaker.update_compute_quota, **late) == "ConflictException"
    told = sagemaker.describe_compute_quota(ComputeQuotaId=made, ComputeQuotaVersion=2)
    assert (told["Description"], told["ComputeQuotaVersion"], told["Name"]) == ("d", 2, name)
    old = {"ComputeQuotaId": made, "ComputeQuotaVersion": 1}
    assert refusal(sagemaker.describe_compute_quota, **old) == "ResourceNotFound"
    for by in ("Name", "CreationTime", "Status", "ClusterArn"):
        found = sagemaker.list_compute_quotas(ClusterArn=cluster, NameContains=name[:6], SortBy=by)
        assert [each["ComputeQuotaId"] for each in found["ComputeQuotaSummaries"]] == [made]


def test_a_configuration_is_of_a_cluster_that_is_there(sagemaker: Any, name: str) -> None:
    absent = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:cluster/abcdefghijkl"
    asked = {"Name": name, "ClusterArn": absent, "SchedulerConfig": {"FairShare": "Enabled"}}
    assert refusal(sagemaker.create_cluster_scheduler_config, **asked) == "ValidationException"


def test_nobody_offers_training_plans(sagemaker: Any) -> None:
    assert sagemaker.search_training_plan_offerings(DurationHours=1)["TrainingPlanOfferings"] == []
    asked = {"TrainingPlanName": "p", "TrainingPlanOfferingId": "o"}
    assert refusal(sagemaker.create_training_plan, **asked) == "ResourceNotFound"
    assert sagemaker.list_training_plans()["TrainingPlanSummaries"] == []
    assert refusal(sagemaker.describe_training_plan, TrainingPlanName="p") == "ResourceNotFound"
