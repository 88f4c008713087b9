"""Artifacts, actions, contexts, the lineage group, and associations between them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def artifact(sagemaker: Any, name: str, kind: str = "DataSet") -> str:
    source = {"SourceUri": f"s3://entities/{name}"}
    made = sagemaker.create_artifact(ArtifactName=name, ArtifactType=kind, Source=source)
    return str(made["ArtifactArn"])


def action(sagemaker: Any, name: str, kind: str = "ModelDeployment") -> str:
    source = {"SourceUri": f"s3://entities/{name}"}
    return str(sagemaker.create_action(ActionName=name, ActionType=kind, Source=source)["ActionArn"])


def test_a_source_has_one_artifact(sagemaker: Any) -> None:
    source = {"SourceUri": "s3://entities/one", "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "e"}]}
    arn = sagemaker.create_artifact(
        ArtifactName="one", ArtifactType="DataSet", Source=source, Properties={"a": "1", "b": "2"}
    )["ArtifactArn"]
    code, text = refusal(sagemaker.create_artifact, ArtifactType="Other", Source=source)
    assert code == "ValidationException" and "already exists" in text and arn in text
    [found] = sagemaker.list_artifacts(SourceUri="s3://entities/one")["ArtifactSummaries"]
    assert (found["ArtifactArn"], found["ArtifactName"], found["Source"]) == (arn, "one", source)
    sagemaker.update_artifact(ArtifactArn=arn, Properties={"c": "3"}, PropertiesToRemove=["a"])
    assert sagemaker.describe_artifact(ArtifactArn=arn)["Properties"] == {"c": "3"}


def test_an_artifact_is_deleted_by_its_source_too(sagemaker: Any) -> None:
    arn = artifact(sagemaker, "by-source")
    deleted = sagemaker.delete_artifact(Source={"SourceUri": "s3://entities/by-source"})
    assert deleted["ArtifactArn"] == arn
    assert refusal(sagemaker.describe_artifact, ArtifactArn=arn)[0] == "ResourceNotFound"
    assert refusal(sagemaker.delete_artifact, ArtifactArn=arn)[0] == "ResourceNotFound"
    assert refusal(sagemaker.delete_artifact)[0] == "ValidationException"


def test_actions_and_contexts_are_found_by_their_source(sagemaker: Any) -> None:
    action(sagemaker, "found-action")
    source = {"SourceUri": "s3://entities/found-context", "SourceType": "ARN"}
    sagemaker.create_context(ContextName="found-context", ContextType="Endpoint", Source=source)
    [found] = sagemaker.list_actions(SourceUri="s3://entities/found-action")["ActionSummaries"]
    assert found["ActionName"] == "found-action"
    [found] = sagemaker.list_contexts(SourceUri=source["SourceUri"])["ContextSummaries"]
    assert (found["ContextName"], found["Source"]) == ("found-context", source)
    assert (
        sagemaker.list_contexts(SourceUri=source["SourceUri"], ContextType="Other")["ContextSummaries"] == []
    )
    sagemaker.update_action(ActionName="found-action", Status="Completed", Properties={"k": "v"})
    told = sagemaker.describe_action(ActionName="found-action")
    assert (told["Status"], told["Properties"]) == ("Completed", {"k": "v"})
    assert sagemaker.describe_action(ActionName=told["ActionArn"])["ActionName"] == "found-action"
    assert sagemaker.describe_context(ContextName="found-context")["LineageGroupArn"]


def test_the_group_is_there_without_being_created(sagemaker: Any) -> None:
    told = sagemaker.describe_lineage_group(LineageGroupName="sagemaker-default-lineage-group")
    [listed] = sagemaker.list_lineage_groups()["LineageGroupSummaries"]
    assert listed["LineageGroupArn"] == told["LineageGroupArn"]
    code, _ = refusal(sagemaker.get_lineage_group_policy, LineageGroupName=told["LineageGroupArn"])
    assert code == "ResourceNotFound"
    assert refusal(sagemaker.describe_lineage_group, LineageGroupName="other")[0] == "ResourceNotFound"


def test_an_association_is_made_once_and_held_to_its_ends(sagemaker: Any) -> None:
    source, target = artifact(sagemaker, "from"), action(sagemaker, "to")
    ends = {"SourceArn": source, "DestinationArn": target}
    assert {**ends} == {
        k: v
        for k, v in sagemaker.add_association(**ends, AssociationType="ContributedTo").items()
        if k in ends
    }
    code, text = refusal(sagemaker.add_association, **ends)
    assert code == "ValidationException" and "already exists" in text
    assert refusal(sagemaker.delete_artifact, ArtifactArn=source)[0] == "ValidationException"
    assert refusal(sagemaker.delete_action, ActionName="to")[0] == "ValidationException"
    [listed] = sagemaker.list_associations(SourceArn=source)["AssociationSummaries"]
    assert (listed["SourceName"], listed["SourceType"]) == ("from", "DataSet")
    assert (listed["DestinationName"], listed["DestinationType"]) == ("to", "ModelDeployment")
    assert listed["AssociationType"] == "ContributedTo" and listed["CreatedBy"]["IamIdentity"]["Arn"]
    assert sagemaker.delete_association(**ends)["SourceArn"] == source
    assert refusal(sagemaker.delete_association, **ends)[0] == "ResourceNotFound"
    sagemaker.delete_artifact(ArtifactArn=source)
    sagemaker.delete_action(ActionName="to")


def test_entities_of_experiments_are_not_associated_with_each_other(sagemaker: Any) -> None:
    sagemaker.create_experiment(ExperimentName="ends")
    part = sagemaker.create_trial_component(TrialComponentName="ends-part")["TrialComponentArn"]
    experiment = sagemaker.describe_experiment(ExperimentName="ends")["ExperimentArn"]
    code, _ = refusal(sagemaker.add_association, SourceArn=experiment, DestinationArn=part)
    assert code == "ValidationException"
    data = artifact(sagemaker, "ends-data")
    sagemaker.add_association(SourceArn=data, DestinationArn=part)
    assert (
        refusal(sagemaker.delete_trial_component, TrialComponentName="ends-part")[0] == "ValidationException"
    )
    absent = data[:-4] + "0000"
    assert refusal(sagemaker.add_association, SourceArn=absent, DestinationArn=part)[0] == "ResourceNotFound"
    assert refusal(sagemaker.add_association, SourceArn=data, DestinationArn=data)[0] == "ValidationException"


def test_associations_are_selected_sorted_and_paged(sagemaker: Any) -> None:
    hub = action(sagemaker, "hub", "Hub")
    sources = [artifact(sagemaker, f"spoke-{n}", f"Kind{n % 2}") for n in range(7)]
    for number, source in enumerate(sources):
        kind = "Produced" if number % 3 else "DerivedFrom"
        sagemaker.add_association(SourceArn=source, DestinationArn=hub, AssociationType=kind)

    def found(**by: Any) -> list[str]:
        pages = sagemaker.get_paginator("list_associations").paginate(DestinationArn=hub, **by)
        return [each["SourceArn"] for page in pages for each in page["AssociationSummaries"]]

    assert found(PaginationConfig={"PageSize": 2}) == sources[::-1]
    assert found(SortBy="SourceArn", SortOrder="Ascending", PaginationConfig={"PageSize": 3}) == sorted(
        sources
    )
    assert found(SortBy="SourceType", SortOrder="Ascending", PaginationConfig={"PageSize": 3}) == (
        sources[0::2] + sources[1::2]
    )
    assert sorted(found(SourceType="Kind1")) == sorted(sources[1::2])
    assert sorted(found(SourceType="Artifact", DestinationType="Action")) == sorted(sources)
    assert sorted(found(AssociationType="DerivedFrom")) == sorted(sources[0::3])
    later = datetime.now(UTC) + timedelta(hours=1)
    assert found(CreatedAfter=later) == [] and len(found(CreatedBefore=later)) == 7
    token = sagemaker.list_associations(DestinationArn=hub, MaxResults=1)["NextToken"]
    assert refusal(sagemaker.list_associations, NextToken=token)[0] == "ValidationException"
