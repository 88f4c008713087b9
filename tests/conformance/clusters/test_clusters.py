"""Clusters as boto3 sees them: groups without nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.generated_requests import ACCOUNT, ROLE

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


def group(name: str, count: int = 1, **members: Any) -> dict[str, Any]:
    return {
        "InstanceGroupName": name,
        "InstanceCount": count,
        "InstanceType": "ml.g5.xlarge",
        "ExecutionRole": ROLE,
        **members,
    }


def test_groups_are_changed_added_and_taken_away(sagemaker: Any, name: str) -> None:
    plan = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-plan/{name}"
    arn = sagemaker.create_cluster(
        ClusterName=name, InstanceGroups=[group("a", 2), group("b", TrainingPlanArn=plan)]
    )["ClusterArn"]
    told = sagemaker.describe_cluster(ClusterName=arn)
    counts = {each["InstanceGroupName"]: each["TargetCount"] for each in told["InstanceGroups"]}
    assert counts == {"a": 2, "b": 1}
    assert {each["CurrentCount"] for each in told["InstanceGroups"]} == {0}
    [listed] = sagemaker.list_clusters(TrainingPlanArn=plan)["ClusterSummaries"]
    assert (listed["ClusterName"], listed["TrainingPlanArns"]) == (name, [plan])
    sagemaker.update_cluster(
        ClusterName=name, InstanceGroups=[group("a", 5), group("c")], InstanceGroupsToDelete=["b"]
    )
    told = sagemaker.describe_cluster(ClusterName=name)
    counts = {each["InstanceGroupName"]: each["TargetCount"] for each in told["InstanceGroups"]}
    assert counts == {"a": 5, "c": 1}
    assert sagemaker.list_clusters(TrainingPlanArn=plan)["ClusterSummaries"] == []
    twice = [group("a"), group("a")]
    assert refusal(sagemaker.update_cluster, ClusterName=name, InstanceGroups=twice) == "ValidationException"


def test_every_node_asked_about_is_answered_for(sagemaker: Any, name: str) -> None:
    sagemaker.create_cluster(ClusterName=name, InstanceGroups=[group("a")])
    node = "i-0123456789abcdef0"
    gone = sagemaker.batch_delete_cluster_nodes(ClusterName=name, NodeIds=[node])
    assert [each["Code"] for each in gone["Failed"]] == ["NodeIdNotFound"]
    for call in (sagemaker.batch_reboot_cluster_nodes, sagemaker.batch_replace_cluster_nodes):
        assert call(ClusterName=name, NodeIds=[node])["Failed"][0]["ErrorCode"] == "InstanceIdNotFound"
        assert refusal(call, ClusterName=name) == "ValidationException"
    asked = [{"InstanceGroupName": each, "IncrementTargetCountBy": 1} for each in ("a", "absent")]
    added = sagemaker.batch_add_cluster_nodes(ClusterName=name, NodesToAdd=asked)
    assert [each["ErrorCode"] for each in added["Failed"]] == [
        "InvalidInstanceGroupStatus",
        "InstanceGroupNotFound",
    ]
    assert refusal(sagemaker.describe_cluster_node, ClusterName=name, NodeId=node) == "ResourceNotFound"
    assert sagemaker.list_cluster_nodes(ClusterName=name)["ClusterNodeSummaries"] == []
    assert refusal(sagemaker.list_cluster_nodes, ClusterName="absent") == "ResourceNotFound"
    assert refusal(sagemaker.list_cluster_nodes, ClusterName=name, NextToken="x") == "ValidationException"
    assert refusal(sagemaker.update_cluster_software, ClusterName="absent") == "ResourceNotFound"
    assert refusal(sagemaker.update_cluster_software, ClusterName=name) == "InvalidAction"
