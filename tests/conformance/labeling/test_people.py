"""Workforces, work teams and what they are given to label."""

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


OIDC = {
    "ClientId": "client",
    "ClientSecret": "very-secret",
    **{
        member: f"https://idp.example.com/{member}"
        for member in (
            "Issuer",
            "AuthorizationEndpoint",
            "TokenEndpoint",
            "UserInfoEndpoint",
            "LogoutEndpoint",
            "JwksUri",
        )
    },
}


def test_a_workforce_keeps_no_secret_and_holds_its_teams(server: Server, sagemaker: Any, name: str) -> None:
    arn = sagemaker.create_workforce(WorkforceName=name, OidcConfig=OIDC)["WorkforceArn"]
    told = sagemaker.describe_workforce(WorkforceName=name)["Workforce"]
    assert (told["WorkforceArn"], told["OidcConfig"]["ClientId"]) == (arn, "client")
    assert told["CreateDate"] and told["LastUpdatedDate"]
    kept = server.stores.records.by_arn(arn)
    assert kept is not None and "very-secret" not in str(kept.doc)
    members = [{"OidcMemberDefinition": {"Groups": ["labelers"]}}]
    sagemaker.create_workteam(
        WorkteamName=name, WorkforceName=name, MemberDefinitions=members, Description="d"
    )
    team = sagemaker.describe_workteam(WorkteamName=name)["Workteam"]
    assert (team["WorkforceArn"], team["MemberDefinitions"]) == (arn, members)
    changed = sagemaker.update_workteam(WorkteamName=name, Description="new")["Workteam"]
    assert changed["Description"] == "new"
    cidrs = {"Cidrs": ["10.0.0.0/8"]}
    assert (
        sagemaker.update_workforce(WorkforceName=name, SourceIpConfig=cidrs)["Workforce"]["SourceIpConfig"]
        == cidrs
    )
    assert refusal(sagemaker.delete_workforce, WorkforceName=name) == "ValidationException"
    [listed] = sagemaker.list_workteams(NameContains=name, SortBy="CreateDate")["Workteams"]
    assert listed["WorkteamArn"] == team["WorkteamArn"]
    assert sagemaker.delete_workteam(WorkteamName=name)["Success"] is True
    sagemaker.delete_workforce(WorkforceName=name)
    assert refusal(sagemaker.describe_workteam, WorkteamName=name) == "ValidationException"


def test_a_teams_jobs_are_listed(sagemaker: Any, name: str) -> None:
    sagemaker.create_workforce(WorkforceName=name, OidcConfig=OIDC)
    members = [{"OidcMemberDefinition": {"Groups": ["labelers"]}}]
    team = sagemaker.create_workteam(
        WorkteamName=name, WorkforceName=name, MemberDefinitions=members, Description="d"
    )["WorkteamArn"]
    sagemaker.create_labeling_job(
        LabelingJobName=name,
        LabelAttributeName="label",
        InputConfig={"DataSource": {"SnsDataSource": {"SnsTopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:t"}}},
        OutputConfig={"S3OutputPath": "s3://bucket/out"},
        RoleArn=ROLE,
        HumanTaskConfig={
            "WorkteamArn": team,
            "UiConfig": {"UiTemplateS3Uri": "s3://bucket/ui"},
            "TaskTitle": "t",
            "TaskDescription": "d",
            "NumberOfHumanWorkersPerDataObject": 3,
            "TaskTimeLimitInSeconds": 60,
        },
    )
    code = sagemaker.describe_labeling_job(LabelingJobName=name)["JobReferenceCode"]
    [listed] = sagemaker.list_labeling_jobs_for_workteam(WorkteamArn=team, JobReferenceCodeContains=code[:8])[
        "LabelingJobSummaryList"
    ]
    assert (listed["LabelingJobName"], listed["NumberOfHumanWorkersPerDataObject"]) == (name, 3)
    [summary] = sagemaker.list_labeling_jobs(NameContains=name)["LabelingJobSummaryList"]
    assert summary["WorkteamArn"] == team
    absent = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:workteam/private-crowd/absent"
    assert refusal(sagemaker.list_labeling_jobs_for_workteam, WorkteamArn=absent) == "ValidationException"


def test_a_template_is_told_of_by_its_hash(sagemaker: Any, name: str) -> None:
    sagemaker.create_human_task_ui(HumanTaskUiName=name, UiTemplate={"Content": "<p>hello</p>"})
    told = sagemaker.describe_human_task_ui(HumanTaskUiName=name)["UiTemplate"]
    assert len(told["ContentSha256"]) == 64 and "Content" not in told
