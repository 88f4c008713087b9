"""Where an asynchronous request's answer goes, and what its topic hears."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from clary.core.document import Document
from clary.engines.inference import asynchronous
from clary.engines.inference.asynchronous import INCLUDED, Outcome

NOON = datetime(2026, 1, 2, 12, 0, 0, 345_678, UTC)
REQUEST: Document = {"EndpointName": "e", "InferenceId": "i"}


def config(**output: object) -> Document:
    return {"OutputConfig": {"S3OutputPath": "s3://b/out/", **output}}


@pytest.mark.parametrize(
    ("output", "request_", "told"),
    [
        ({}, {}, {"OutputLocation": "s3://b/out/n.out"}),
        ({}, {"Filename": "mine"}, {"OutputLocation": "s3://b/out/mine"}),
        ({}, {"S3OutputPathExtension": "/a/b/"}, {"OutputLocation": "s3://b/out/a/b/n.out"}),
        (
            {"S3FailurePath": "s3://b/bad"},
            {"S3OutputPathExtension": "a", "Filename": "mine"},
            {"OutputLocation": "s3://b/out/a/mine", "FailureLocation": "s3://b/bad/a/n-error.out"},
        ),
    ],
)
def test_an_answer_lies_below_its_path(output: Document, request_: Document, told: Document) -> None:
    assert asynchronous.locations(config(**output), "n", request_) == told


def test_a_host_is_asked_as_much_at_once_as_the_configuration_says() -> None:
    assert asynchronous.concurrent(config()) == 4
    told = {**config(), "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 9}}
    assert asynchronous.concurrent(told) == 9


def test_each_outcome_has_its_topic() -> None:
    told = config(NotificationConfig={"SuccessTopic": "good"})
    assert asynchronous.topic(told, Outcome()) == "good"
    assert asynchronous.topic(told, Outcome(reason="r")) == ""
    assert asynchronous.topic(config(), Outcome()) == ""


@pytest.mark.parametrize(("size", "included"), [(INCLUDED, True), (INCLUDED + 1, False)])
def test_an_answer_is_included_where_it_is_asked_for_and_small(size: int, included: bool) -> None:
    told = config(NotificationConfig={"IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"]})
    content = b"x" * size

    def message(outcome: Outcome) -> Document:
        return asynchronous.notification(told, REQUEST, outcome, region="r", received=NOON, now=NOON)

    good = message(Outcome(content=content, content_type="text/csv", written="s3://b/out/n.out"))
    assert ("responseBody" in good) is included
    if included:
        assert base64.b64decode(good["responseBody"]["content"]) == content
    assert "responseBody" not in message(Outcome(reason="r", content=b"x"))
    assert "responseParameters" not in message(Outcome(reason="r", content=b"x"))
    assert good["eventTime"] == "2026-01-02T12:00:00.345Z"


def test_an_endpoint_serves_by_what_it_was_switched_to() -> None:
    new: Document = {"AsyncInferenceConfig": config()}
    assert asynchronous.config_of({"_Wanted": new}) == config()
    assert asynchronous.config_of({"_Wanted": new, "_Serving": {"Variants": []}}) is None
    assert asynchronous.config_of({}) is None
