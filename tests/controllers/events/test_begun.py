"""What events begin: a pipeline by an approval, a function, operations that a schedule names."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from tests.conformance.awslambda.functions import create, role_for_functions
from tests.controllers.events.carrying import ACCOUNT, REGION, courier, queue, received, rule
from tests.controllers.events.test_courier import put, trusting

from clary.controllers.scheduler.schedule import outgoing
from clary.operations.bootstrap import EXECUTION_ROLE
from clary.resources.awslambda.invocation import LAMBDA_INVOCATION
from clary.resources.scheduler.schedule import SCHEDULE
from clary.store.events import deliveries
from clary.store.events.deliveries import Outgoing
from clary.store.record import Record
from clary.store.times import micros

if TYPE_CHECKING:
    from tests.conftest import Server

HERE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
SERVICES = f"arn:aws:iam::{ACCOUNT}:role/{EXECUTION_ROLE}"


@pytest.fixture
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def pipeline(server: Server, *parameters: str) -> str:
    """Create a pipeline of no steps; return its name."""
    name = f"events-{uuid4().hex[:16]}"
    declared = [{"Name": each, "Type": "String", "DefaultValue": "-"} for each in parameters]
    definition = json.dumps({"Version": "2020-12-01", "Parameters": declared, "Steps": []})
    role = server.client("iam").get_role(RoleName=EXECUTION_ROLE)["Role"]["Arn"]
    server.client("sagemaker").create_pipeline(
        PipelineName=name, PipelineDefinition=definition, RoleArn=role, ClientRequestToken=uuid4().hex
    )
    return name


def executions(sagemaker: Any, name: str) -> list[dict[str, str]]:
    """Return the parameters of a pipeline's executions."""
    found = []
    for each in sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]:
        arn = each["PipelineExecutionArn"]
        told = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
        found.append({p["Name"]: p["Value"] for p in told["PipelineParameters"]})
    return found


def version(sagemaker: Any, group: str) -> str:
    """Register a version of a group that waits for its approval; return its ARN."""
    container = {"Image": "sagemaker-xgboost:1.7-1", "ModelDataUrl": "s3://b/model.tar.gz"}
    made = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    return str(made["ModelPackageArn"])


def audited(server: Server, operation: str, about: str) -> list[str]:
    """Wait for the audit lines of an operation about a resource; return who it was."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        lines = (server.home.logs / "audit-0.jsonl").read_text().splitlines()
        found = [json.loads(line) for line in lines if operation in line and line.endswith("}")]
        by = [
            each["principal"] for each in found if (each["operation"], each["resource"]) == (operation, about)
        ]
        if by:
            return by
        time.sleep(0.05)  # the log is written by a thread of its own
    raise AssertionError(f"no {operation} of {about} was audited")


def test_approving_a_model_starts_the_pipeline_that_a_rule_names(server: Server, sagemaker: Any) -> None:
    name, group = pipeline(server, "Package", "Kind"), f"group-{uuid4().hex[:16]}"
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    role = trusting(server, "sagemaker:StartPipelineExecution", f"{HERE}:pipeline/{name}")
    approved = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [group], "ModelApprovalStatus": ["Approved"]},
    }
    given = [{"Name": "Package", "Value": "$.detail.ModelPackageArn"}, {"Name": "Kind", "Value": "blue"}]
    target = {"Arn": f"{HERE}:pipeline/{name}", "RoleArn": role}
    rule(server, approved, {**target, "SageMakerPipelineParameters": {"PipelineParameterList": given}})
    arn = version(sagemaker, group)
    courier(server).catch_up()
    assert executions(sagemaker, name) == []
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    carrier = courier(server)
    carrier.catch_up()
    carrier.catch_up()
    assert executions(sagemaker, name) == [{"Package": arn, "Kind": "blue"}]
    administrator = server.client("sts").get_caller_identity()["Arn"]
    assert audited(server, "UpdateModelPackage", arn) == [administrator]
    [by] = audited(server, "StartPipelineExecution", f"{HERE}:pipeline/{name}")
    assert f":assumed-role/{role.rpartition('/')[2]}/" in by


def test_what_a_role_may_not_start_is_not_started(server: Server, sagemaker: Any) -> None:
    name, source = pipeline(server), f"mine.{uuid4().hex}"
    dead, letters = queue(server)
    role = trusting(server, "sagemaker:StartPipelineExecution", f"{HERE}:pipeline/another")
    target = {"Arn": f"{HERE}:pipeline/{name}", "RoleArn": role, "DeadLetterConfig": {"Arn": dead}}
    rule(server, {"source": [source]}, target)
    told = put(server, source)
    courier(server).catch_up()
    assert executions(sagemaker, name) == []
    assert [event["id"] for event in received(server, letters)] == [told]


@pytest.mark.parametrize("qualifier", ["", ":$LATEST"])
def test_a_function_is_called_with_the_event(server: Server, qualifier: str) -> None:
    lambda_, source = server.client("lambda"), f"mine.{uuid4().hex}"
    name = create(lambda_, role_for_functions(server.client("iam")))
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    rule_name = rule(server, {"source": [source]}, {"Arn": f"{arn}{qualifier}"})
    lambda_.add_permission(
        FunctionName=name,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule_name}",
    )
    told = put(server, source)
    courier(server).catch_up()
    records = server.stores.records.scoped(ACCOUNT, REGION)
    asked = [each for each in records.each(LAMBDA_INVOCATION) if each.doc["FunctionArn"] == arn]
    assert [json.loads(each.doc["_Payload"])["id"] for each in asked] == [told]


def scheduled(server: Server, target: dict[str, Any]) -> None:
    """Have a schedule's target called for one time, twice."""
    store = server.stores.records.scoped(ACCOUNT, REGION)
    doc = {"Name": f"s-{uuid4().hex}", "GroupName": "default", "Target": target}
    doc["FlexibleTimeWindow"] = {"Mode": "OFF"}
    record: Record = store.create(SCHEDULE, {**doc, "State": "DISABLED"})
    now = server.parts.clock.now()
    one: Outgoing = outgoing(record, datetime(2026, 11, 23, 12, tzinfo=UTC), now)
    one = replace(one, expires=micros(now + timedelta(days=1)))
    with server.stores.database.write() as connection:
        deliveries.add(connection, one)
        deliveries.add(connection, one)
    courier(server).catch_up()


def test_a_schedule_starts_a_pipeline_once_for_one_time(server: Server, sagemaker: Any) -> None:
    name = pipeline(server, "At")
    given = [{"Name": "At", "Value": "<aws.scheduler.scheduled-time>"}]
    target = {"Arn": f"{HERE}:pipeline/{name}", "RoleArn": SERVICES}
    scheduled(server, {**target, "SageMakerPipelineParameters": {"PipelineParameterList": given}})
    assert executions(sagemaker, name) == [{"At": "2026-11-23T12:00:00Z"}]


def test_a_schedule_calls_an_operation_by_its_name(server: Server, sagemaker: Any) -> None:
    name = pipeline(server)
    arn = "arn:aws:scheduler:::aws-sdk:sagemaker:startPipelineExecution"
    wanted = json.dumps({"PipelineName": name, "ClientRequestToken": "<aws.scheduler.execution-id>"})
    scheduled(server, {"Arn": arn, "RoleArn": SERVICES, "Input": wanted})
    assert executions(sagemaker, name) == [{}]


def test_a_schedule_says_nothing_that_only_the_server_says(server: Server) -> None:
    (arn, url), (dead, letters) = queue(server), queue(server)
    source, role = f"mine.{uuid4().hex}", trusting(server, "*", "*")
    rule(server, {"source": [source]}, {"Arn": arn})
    forged = {"id": "forged", "source": source, "detail-type": "t", "detail": {}}
    wanted = {"Entries": [{"Source": "x", "DetailType": "t", "Detail": "{}"}], "_Forwarded": forged}
    to = {"Arn": "arn:aws:scheduler:::aws-sdk:events:putEvents", "DeadLetterConfig": {"Arn": dead}}
    scheduled(server, {**to, "RoleArn": role, "Input": json.dumps(wanted)})
    courier(server).catch_up()
    assert received(server, url) == []
    assert [letter["_Forwarded"]["id"] for letter in received(server, letters)] == ["forged", "forged"]


def test_a_schedule_gives_a_function_its_payload_as_text(server: Server) -> None:
    lambda_ = server.client("lambda")
    name = create(lambda_, role_for_functions(server.client("iam")))
    asked = {"FunctionName": name, "InvocationType": "Event", "Payload": '{"a": 1}'}
    arn = "arn:aws:scheduler:::aws-sdk:lambda:invoke"
    role = trusting(server, "lambda:InvokeFunction", "*")
    scheduled(server, {"Arn": arn, "RoleArn": role, "Input": json.dumps(asked)})
    records = server.stores.records.scoped(ACCOUNT, REGION)
    kept = [each.doc for each in records.each(LAMBDA_INVOCATION)]
    assert [d["_Payload"] for d in kept if d["FunctionArn"].endswith(f":{name}")] == ['{"a": 1}'] * 2


def test_a_schedule_puts_an_event(server: Server) -> None:
    source, (arn, url) = f"mine.{uuid4().hex}", queue(server)
    rule(server, {"source": [source]}, {"Arn": arn})
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    role = trusting(server, "events:PutEvents", bus)
    own = {"DetailType": "Woken", "Source": source}
    scheduled(server, {"Arn": bus, "RoleArn": role, "EventBridgeParameters": own, "Input": '{"a": 1}'})
    courier(server).catch_up()
    assert {(event["detail-type"], event["detail"]["a"]) for event in received(server, url)} == {("Woken", 1)}
