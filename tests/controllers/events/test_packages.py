"""Every change of a model package's approval, life cycle and contents is an event that says what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.controllers.events.carrying import courier, queue, received, rule
from tests.controllers.events.test_begun import version

if TYPE_CHECKING:
    from tests.conftest import Server


def test_each_change_of_a_version_says_what_changed(server: Server) -> None:
    sagemaker, group = server.client("sagemaker"), f"told-{uuid4().hex[:16]}"
    (arn, url) = queue(server)
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [group]},
    }
    rule(server, pattern, {"Arn": arn})
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    package = version(sagemaker, group)
    stage = {"Stage": "Staging", "StageStatus": "PendingApproval"}
    changes: list[dict[str, Any]] = [
        {"ModelLifeCycle": stage},
        {"CustomerMetadataProperties": {"ticket": "8"}},
        {"SourceUri": "git://churn@main"},
        {"ModelApprovalStatus": "Approved", "ApprovalDescription": "as good as the last"},
        {"ModelApprovalStatus": "Rejected"},
        {"ModelCard": {"ModelCardStatus": "Approved"}},
    ]
    for change in changes:
        sagemaker.update_model_package(ModelPackageArn=package, **change)
    courier(server).catch_up()
    created, *told = [event["detail"] for event in received(server, url)]
    assert created["ModelPackageArn"] == package
    assert [set(detail["UpdatedModelPackageFields"]) for detail in told] == [
        set(each) for each in changes[:-1]
    ]
    assert told[0]["ModelLifeCycle"] == stage
    assert told[3]["ModelApprovalStatus"] == "Approved"
    assert told[3]["ApprovalDescription"] == "as good as the last"
