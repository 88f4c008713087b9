"""The lineage of one account is nobody else's: by ARN, by source, by name, as a start and as an end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.organizations.people import administrator, made

if TYPE_CHECKING:
    from tests.conftest import Server

REFUSALS = {"AccessDeniedException", "ResourceNotFound", "ValidationException"}


@pytest.fixture(scope="module")
def mine(server: Server) -> dict[str, str]:
    sagemaker, source = server.client("sagemaker"), {"SourceUri": "s3://mine/private"}
    sagemaker.create_experiment(ExperimentName="private")
    sagemaker.create_trial(TrialName="private", ExperimentName="private")
    group = sagemaker.describe_lineage_group(LineageGroupName="sagemaker-default-lineage-group")
    return {
        "artifact": sagemaker.create_artifact(ArtifactType="t", Source=source)["ArtifactArn"],
        "action": sagemaker.create_action(ActionName="private", ActionType="t", Source=source)["ActionArn"],
        "context": sagemaker.create_context(ContextName="private", ContextType="t", Source=source)[
            "ContextArn"
        ],
        "component": sagemaker.create_trial_component(TrialComponentName="private")["TrialComponentArn"],
        "group": group["LineageGroupArn"],
    }


@pytest.fixture(scope="module")
def stranger(server: Server) -> Any:
    return server.client("sagemaker", administrator(server, made(server)))


def test_nothing_is_read_or_changed_by_another_account(mine: dict[str, str], stranger: Any) -> None:
    own = stranger.create_artifact(ArtifactType="t", Source={"SourceUri": "s3://theirs"})["ArtifactArn"]
    artifact = {"ArtifactArn": mine["artifact"]}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("describe_artifact", artifact),
        ("update_artifact", {**artifact, "ArtifactName": "taken"}),
        ("delete_artifact", artifact),
        ("delete_artifact", {"Source": {"SourceUri": "s3://mine/private"}}),
        ("describe_action", {"ActionName": mine["action"]}),
        ("describe_action", {"ActionName": "private"}),
        ("delete_action", {"ActionName": "private"}),
        ("describe_context", {"ContextName": mine["context"]}),
        ("describe_context", {"ContextName": "private"}),
        ("describe_trial_component", {"TrialComponentName": mine["component"]}),
        ("describe_trial_component", {"TrialComponentName": "private"}),
        ("describe_experiment", {"ExperimentName": "private"}),
        ("describe_trial", {"TrialName": "private"}),
        ("get_lineage_group_policy", {"LineageGroupName": mine["group"]}),
        ("query_lineage", {"StartArns": [mine["artifact"]]}),
        ("add_association", {"SourceArn": mine["artifact"], "DestinationArn": own}),
        ("add_association", {"SourceArn": own, "DestinationArn": mine["action"]}),
        ("delete_association", {"SourceArn": own, "DestinationArn": mine["action"]}),
        ("add_tags", {"ResourceArn": mine["artifact"], "Tags": [{"Key": "k", "Value": "v"}]}),
    ]
    for call, request in calls:
        with pytest.raises(ClientError) as refused:
            getattr(stranger, call)(**request)
        assert refused.value.response["Error"]["Code"] in REFUSALS, call


def test_nothing_of_another_account_is_listed(server: Server, mine: dict[str, str], stranger: Any) -> None:
    listed = stranger.list_artifacts(SourceUri="s3://mine/private")["ArtifactSummaries"]
    assert (
        listed == stranger.list_contexts()["ContextSummaries"] == stranger.list_actions()["ActionSummaries"]
    )
    with pytest.raises(ClientError):
        stranger.list_associations(SourceArn=mine["artifact"])
    assert stranger.list_associations()["AssociationSummaries"] == []
    arns = {vertex["Arn"] for vertex in stranger.query_lineage()["Vertices"]}
    assert not arns & set(mine.values())
    [group] = stranger.list_lineage_groups()["LineageGroupSummaries"]
    assert group["LineageGroupArn"] != mine["group"]
    assert server.client("sagemaker").describe_artifact(ArtifactArn=mine["artifact"])
