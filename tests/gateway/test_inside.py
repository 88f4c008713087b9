"""The controllers' door: what they call becomes part of what they write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.iam.people import allow, deny, fresh, policy, role

from clary.core.errors import ApiError
from clary.core.principal import Principal
from clary.gateway.inside import Inside

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
CALLER = Principal(account=ACCOUNT, arn=ROLE, user_id="AROA:x", grants=ROLE)


class Abandoned(Exception):
    """What ends a write before it is true."""


@pytest.fixture
def inside(server: Server) -> Inside:
    stores, parts = server.stores, server.parts
    return Inside(
        settings=parts.settings,
        clock=parts.clock,
        records=stores.records,
        objects=stores.objects,
        logs=stores.logs,
        metrics=stores.metrics,
        audit=parts.audit,
        credentials=stores.credentials,
        authoriser=stores.authoriser,
    )


@pytest.fixture
def topic(server: Server) -> str:
    arn: str = server.client("sns").create_topic(Name=fresh("topic"))["TopicArn"]
    return arn


@pytest.fixture
def url(server: Server, topic: str) -> str:
    """A queue that the topic's messages come to."""
    sqs, name = server.client("sqs"), fresh("q")
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    statement = allow("sqs:SendMessage", arn, Principal={"Service": "sns.amazonaws.com"})
    made: str = sqs.create_queue(QueueName=name, Attributes={"Policy": policy(statement)})["QueueUrl"]
    raw = {"RawMessageDelivery": "true"}
    server.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
    return made


def bodies(server: Server, url: str) -> list[str]:
    found: Any = server.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in found.get("Messages", [])]


def test_a_message_is_published_with_the_write_around_it_or_not_at_all(
    server: Server, inside: Inside, topic: str, url: str
) -> None:
    request = {"TopicArn": topic, "Message": "settled"}
    with pytest.raises(Abandoned), server.stores.database.write():
        inside.call(CALLER, "us-east-1", "sns:Publish", request, {})
        raise Abandoned
    assert bodies(server, url) == []
    with server.stores.database.write():
        answer = inside.call(CALLER, "us-east-1", "sns:Publish", request, {})
    assert answer["MessageId"]
    assert bodies(server, url) == ["settled"]


def test_a_call_that_is_wrong_says_so(inside: Inside, topic: str) -> None:
    for request in ({"TopicArn": f"{topic}x", "Message": "a"}, {"TopicArn": topic}):
        with pytest.raises(ApiError):
            inside.call(CALLER, "us-east-1", "sns:Publish", request, {})


def test_sagemaker_is_meant_where_no_service_is_named(inside: Inside) -> None:
    assert "Models" in inside.call(CALLER, "us-east-1", "ListModels", {}, {})


SAGEMAKER = {"Service": "sagemaker.amazonaws.com"}


def test_a_role_may_do_by_a_controller_what_its_policies_allow(server: Server, inside: Inside) -> None:
    name = fresh("made")
    arn = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:notebook-instance/{name}"
    own = role(server, SAGEMAKER, allow("sagemaker:CreateNotebookInstance", arn), allow("iam:PassRole", ROLE))
    request = {"NotebookInstanceName": name, "InstanceType": "ml.t3.medium", "RoleArn": ROLE}
    answer = inside.call_as(own, "us-east-1", "CreateNotebookInstance", request, {"_Parent": "x"})
    assert answer == {"NotebookInstanceArn": arn}
    found = server.stores.records.by_arn(arn)
    assert found is not None and found.doc["_Parent"] == "x"


@pytest.mark.parametrize(
    ("lacks", "statements"),
    [
        ("sagemaker:CreateNotebookInstance", [allow("iam:PassRole", ROLE)]),
        ("iam:PassRole", [allow("sagemaker:CreateNotebookInstance")]),
        ("sagemaker:CreateNotebookInstance", [allow("*"), deny("sagemaker:CreateNotebookInstance")]),
    ],
)
def test_a_role_may_not_do_by_a_controller_what_it_lacks_a_permission_for(
    server: Server, inside: Inside, lacks: str, statements: list[Any]
) -> None:
    own = role(server, SAGEMAKER, *statements)
    request = {"NotebookInstanceName": fresh("made"), "InstanceType": "ml.t3.medium", "RoleArn": ROLE}
    with pytest.raises(ApiError, match=f"not authorized to perform: {lacks}") as refused:
        inside.call_as(own, "us-east-1", "CreateNotebookInstance", request, {})
    assert refused.value.code == "AccessDeniedException"


def test_a_role_that_is_not_there_does_nothing_by_a_controller(inside: Inside) -> None:
    with pytest.raises(ApiError, match="cannot be found"):
        inside.call_as(f"{ROLE}-x", "us-east-1", "ListModels", {}, {})


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"HyperParameters": {"depth": 5}}, "HyperParameters.depth"),
        ({"ResourceConfig": {"InstanceCount": "2"}}, "ResourceConfig.InstanceCount"),
        ({"Environment": "x"}, "Environment"),
        ({"InputDataConfig": [{"ChannelName": 1}]}, "InputDataConfig.0.ChannelName"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_path(inside: Inside, change: Any, where: str) -> None:
    with pytest.raises(ApiError, match=rf"^{where} of CreateTrainingJob has the wrong type") as refused:
        inside.call_as(ROLE, "us-east-1", "CreateTrainingJob", change, {})
    assert refused.value.code == "ValidationException"


def test_what_is_null_was_not_given(server: Server, inside: Inside) -> None:
    request = {"ModelPackageGroupName": fresh("group"), "ModelPackageGroupDescription": None, "Tags": None}
    arn = inside.call_as(ROLE, "us-east-1", "CreateModelPackageGroup", request, {})["ModelPackageGroupArn"]
    found = server.stores.records.by_arn(arn)
    assert found is not None and "ModelPackageGroupDescription" not in found.doc


def test_an_update_may_say_what_only_the_server_says(server: Server, inside: Inside) -> None:
    name = fresh("component")
    server.client("sagemaker").create_trial_component(TrialComponentName=name)
    more = {"Metrics": [{"MetricName": "auc", "Last": 0.5}], "Source": {"SourceArn": ROLE}}
    inside.call_as(ROLE, "us-east-1", "UpdateTrialComponent", {"TrialComponentName": name}, more)
    told = server.client("sagemaker").describe_trial_component(TrialComponentName=name)
    assert (told["Metrics"], told["Source"]) == (more["Metrics"], more["Source"])
