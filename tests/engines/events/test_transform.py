"""What targets are sent."""

from __future__ import annotations

import json

import pytest

from clary.core.document import Document
from clary.engines.events import paths, transform
from clary.engines.events.targets import fault, kind_of

EVENT = {
    "id": "7",
    "detail-type": "Job",
    "resources": ["arn:a", "arn:b"],
    "detail": {"state": "RUNNING", "say": 'a "b"', "n": 3, "tags": {"k": "v"}, "list": [{"x": 1}, {"x": 2}]},
}
RULE = {"arn": "arn:aws:events:r:1:rule/x", "name": "x", "time": "2026-11-23T12:00:00Z"}


def sent(**target: object) -> str:
    return transform.body(dict(target), EVENT, RULE)


def filled(template: str, **named: str) -> str:
    return sent(InputTransformer={"InputPathsMap": named, "InputTemplate": template})


def test_a_target_is_sent_the_event_or_a_part_or_a_text_of_its_own() -> None:
    assert json.loads(sent()) == EVENT
    assert sent(Input='{"a": 1}') == '{"a": 1}'
    assert sent(InputPath="$.detail.state") == '"RUNNING"'
    assert sent(InputPath="$.detail.tags") == '{"k":"v"}'
    assert sent(InputPath="$.absent") == "null"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", EVENT),
        ("$.detail-type", "Job"),
        ("$['detail-type']", "Job"),
        ("$.resources[1]", "arn:b"),
        ("$.resources[*]", ["arn:a", "arn:b"]),
        ("$.detail.list[*].x", [1, 2]),
        ("$.detail.tags.*", ["v"]),
        ("$.resources[7]", paths.NOTHING),
        ("$.detail.state.deeper", paths.NOTHING),
    ],
)
def test_a_path_leads_somewhere(path: str, found: object) -> None:
    assert paths.fault(path) == ""
    assert paths.find(path, EVENT) == found


@pytest.mark.parametrize("path", ["detail", "$..x", "$.a[", "$.a[?(@.b)]", "$.a[-1]", "$.a b"])
def test_what_is_no_path_is_said(path: str) -> None:
    assert "is not like" in paths.fault(path)


def test_a_template_is_filled_with_json_outside_of_quotes() -> None:
    template = '{"s": <s>, "n": <n>, "t": <t>, "rule": <aws.events.rule-name>}'
    told = json.loads(filled(template, s="$.detail.say", n="$.detail.n", t="$.detail.tags"))
    assert told == {"s": 'a "b"', "n": 3, "t": {"k": "v"}, "rule": "x"}


def test_within_quotes_values_stand_without_their_own() -> None:
    assert filled('"<s> is <state>"', s="$.detail.say", state="$.detail.state") == '"a \\"b\\" is RUNNING"'
    assert json.loads(filled('{"m": "tags <t>, n <n>"}', t="$.detail.tags", n="$.detail.n")) == {
        "m": "tags {k:v}, n 3"
    }


def test_the_event_itself_may_be_asked_for() -> None:
    told = json.loads(filled('{"whole": <aws.events.event.json>, "head": <aws.events.event>}'))
    assert told["whole"] == EVENT
    assert "detail" not in told["head"] and told["head"]["id"] == "7"
    assert filled('"at <aws.events.event.ingestion-time>"') == '"at 2026-11-23T12:00:00Z"'


def test_a_path_that_leads_nowhere_leaves_an_empty_text() -> None:
    assert json.loads(filled('{"a": <gone>, "b": "x<gone>"}', gone="$.gone")) == {"a": "", "b": "x"}


@pytest.mark.parametrize(
    ("transformer", "why"),
    [
        ({"InputTemplate": "<x>"}, "<x>"),
        ({"InputPathsMap": {"aws.x": "$.a"}, "InputTemplate": "1"}, "may not begin with aws"),
        ({"InputPathsMap": {"x": "a"}, "InputTemplate": "1"}, "JSON path"),
        ({"InputPathsMap": {f"x{n}": "$.a" for n in range(101)}, "InputTemplate": "1"}, "101 variables"),
    ],
)
def test_a_transformer_that_cannot_be_used_is_refused(transformer: Document, why: str) -> None:
    assert why in transform.fault(transformer)


QUEUE = "arn:aws:sqs:r:1:q"
PIPELINE = "arn:aws:sagemaker:r:1:pipeline/p"


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ({"Arn": "x"}, "not in correct format"),
        ({"Arn": "arn:aws:kinesis:r:1:stream/s"}, "there are SageMaker pipelines"),
        ({"Arn": "arn:aws:logs:r:1:log-group:/other"}, "/aws/events/"),
        ({"Arn": "arn:aws:sqs:r:2:q"}, "another account"),
        ({"Arn": "arn:aws:sqs:s:1:q"}, "another region"),
        ({"Arn": PIPELINE}, "RoleArn is required"),
        ({"Arn": f"{QUEUE}.fifo"}, "MessageGroupId"),
        ({"Arn": QUEUE, "SqsParameters": {"MessageGroupId": "g"}}, "MessageGroupId"),
        ({"Arn": QUEUE, "KinesisParameters": {}}, "KinesisParameters"),
        ({"Arn": QUEUE, "SageMakerPipelineParameters": {}}, "SageMakerPipelineParameters"),
        ({"Arn": QUEUE, "Input": "1", "InputPath": "$"}, "Only one of"),
        ({"Arn": QUEUE, "Input": "{"}, "JSON syntax error"),
        ({"Arn": QUEUE, "InputPath": "x"}, "not a path"),
        ({"Arn": QUEUE, "DeadLetterConfig": {"Arn": "arn:aws:sqs:r:1:d.fifo"}}, "standard SQS queue"),
        ({"Arn": QUEUE, "DeadLetterConfig": {"Arn": "arn:aws:sqs:s:1:d"}}, "another region"),
    ],
)
def test_a_target_that_cannot_be_served_is_refused(target: Document, why: str) -> None:
    assert why in fault(target, "1", "r")


@pytest.mark.parametrize(
    "target",
    [
        {"Arn": QUEUE, "DeadLetterConfig": {"Arn": "arn:aws:sqs:r:1:d"}},
        {"Arn": f"{QUEUE}.fifo", "SqsParameters": {"MessageGroupId": "g"}},
        {"Arn": PIPELINE, "RoleArn": "arn:aws:iam::1:role/R", "SageMakerPipelineParameters": {}},
        {"Arn": "arn:aws:logs:r:1:log-group:/aws/events/x:*"},
        {"Arn": "arn:aws:lambda:r:1:function:f"},
        {"Arn": "arn:aws:sns:r:1:t"},
        {"Arn": "arn:aws:events:s:1:event-bus/b", "RoleArn": "arn:aws:iam::1:role/R"},
    ],
)
def test_a_target_that_can_be_served_is_taken(target: Document) -> None:
    assert kind_of(target["Arn"]) is not None
    assert fault(target, "1", "r") == ""
