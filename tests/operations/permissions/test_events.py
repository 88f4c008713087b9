"""Which permissions calls of EventBridge and its Scheduler need."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.operations.permissions.test_needs import BOB
from tests.store.opened import ACCOUNT, records

from clary.core.document import Document
from clary.operations.permissions.needs import needs

EVENTS = f"arn:aws:events:us-east-1:{ACCOUNT}"
SCHEDULER = f"arn:aws:scheduler:us-east-1:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/R"


@pytest.mark.parametrize(
    ("service", "operation", "request_", "wanted"),
    [
        ("events", "PutRule", {"Name": "r"}, [("events:PutRule", f"{EVENTS}:rule/r")]),
        (
            "events",
            "PutRule",
            {"Name": "r", "EventBusName": f"{EVENTS}:event-bus/b", "Tags": [{"Key": "k", "Value": "v"}]},
            [("events:PutRule", f"{EVENTS}:rule/b/r"), ("events:TagResource", f"{EVENTS}:rule/b/r")],
        ),
        (
            "events",
            "PutTargets",
            {"Rule": "r", "Targets": [{"Id": "1", "Arn": "arn:aws:sqs:r:1:q", "RoleArn": ROLE}]},
            [("events:PutTargets", f"{EVENTS}:rule/r"), ("iam:PassRole", ROLE)],
        ),
        ("events", "ListRules", {}, [("events:ListRules", "*")]),
        ("events", "TestEventPattern", {}, [("events:TestEventPattern", "*")]),
        ("events", "CreateEventBus", {"Name": "b"}, [("events:CreateEventBus", f"{EVENTS}:event-bus/b")]),
        (
            "events",
            "PutEvents",
            {"Entries": [{"Source": "x"}, {"EventBusName": "b"}]},
            [
                ("events:PutEvents", f"{EVENTS}:event-bus/b"),
                ("events:PutEvents", f"{EVENTS}:event-bus/default"),
            ],
        ),
        (
            "events",
            "TagResource",
            {"ResourceARN": f"{EVENTS}:rule/r"},
            [("events:TagResource", f"{EVENTS}:rule/r")],
        ),
        (
            "scheduler",
            "CreateSchedule",
            {"Name": "s", "Target": {"Arn": "arn:aws:sqs:r:1:q", "RoleArn": ROLE}},
            [("scheduler:CreateSchedule", f"{SCHEDULER}:schedule/default/s"), ("iam:PassRole", ROLE)],
        ),
        (
            "scheduler",
            "GetSchedule",
            {"Name": "s", "GroupName": "g"},
            [("scheduler:GetSchedule", f"{SCHEDULER}:schedule/g/s")],
        ),
        (
            "scheduler",
            "DeleteScheduleGroup",
            {"Name": "g"},
            [("scheduler:DeleteScheduleGroup", f"{SCHEDULER}:schedule-group/g")],
        ),
        ("scheduler", "ListSchedules", {"GroupName": "g"}, [("scheduler:ListSchedules", "*")]),
    ],
)
def test_a_call_needs(
    tmp_path: Path, service: str, operation: str, request_: Document, wanted: list[tuple[str, str]]
) -> None:
    found = needs(service, operation, request_, BOB, records(tmp_path))
    assert [(need.action, need.resource) for need in found] == wanted


def test_conditions_may_ask_for_targets_and_sources(tmp_path: Path) -> None:
    store = records(tmp_path)
    targets = {"Rule": "r", "Targets": [{"Id": "1", "Arn": "arn:aws:sqs:r:1:q"}]}
    assert needs("events", "PutTargets", targets, BOB, store)[0].context["events:targetarn"] == (
        "arn:aws:sqs:r:1:q",
    )
    put = {"Entries": [{"Source": "x", "DetailType": "t"}]}
    context = needs("events", "PutEvents", put, BOB, store)[0].context
    assert (context["events:source"], context["events:detail-type"]) == (("x",), ("t",))
