"""Captured calls: what a line says of a call, and where files lie."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from clary.core.document import Document
from clary.engines.inference.capture import Capture, Exchanged, place
from clary.engines.inference.capture import line as line_of

AT = datetime(2026, 11, 23, 1, 5, 35, 871_000, timezone(timedelta(hours=2)))


def config(**members: Any) -> Document:
    return {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://box/captured/",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        **members,
    }


def line(capture: Document, **call: Any) -> Document:
    made = Capture.of(capture)
    assert made is not None
    given: dict[str, Any] = {
        "id": "e",
        "time": AT,
        "sent": b"1,2",
        "sent_type": "text/csv; charset=utf-8",
        "answered": b'{"a": 1}',
        "answered_type": "application/json",
    }
    told: Document = json.loads(line_of(made, Exchanged(**{**given, **call})))
    return told


def test_a_line_is_spelled_as_the_guide_has_it() -> None:
    made = Capture.of(config())
    assert made is not None
    call = Exchanged(
        id="aaaa",
        time=AT,
        sent="1,ü\n".encode(),
        sent_type="text/csv",
        answered=b"0.5",
        answered_type="text/csv; charset=utf-8",
    )
    assert line_of(made, call) == (
        '{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT",'
        '"data":"1,ü\\n","encoding":"CSV"},"endpointOutput":{"observedContentType":'
        '"text/csv; charset=utf-8","mode":"OUTPUT","data":"0.5","encoding":"CSV"}},'
        '"eventMetadata":{"eventId":"aaaa","inferenceTime":"2026-11-22T23:05:35Z"},"eventVersion":"0"}'
    )


def test_a_line_has_both_sides_as_text_and_says_when_and_which() -> None:
    assert line(config(), inference_id="i", attributes="trace=1") == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv; charset=utf-8",
                "mode": "INPUT",
                "data": "1,2",
                "encoding": "CSV",
            },
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": '{"a": 1}',
                "encoding": "JSON",
            },
        },
        "eventMetadata": {
            "eventId": "e",
            "inferenceId": "i",
            "customAttributes": ["trace=1"],
            "inferenceTime": "2026-11-22T23:05:35Z",
        },
        "eventVersion": "0",
    }


@pytest.mark.parametrize(
    ("members", "call", "encoding", "data"),
    [
        ({}, {"sent_type": "application/x-npy"}, "BASE64", "MSwy"),
        ({}, {"sent": b"\xff"}, "BASE64", "/w=="),
        ({"CaptureContentTypeHeader": {"JsonContentTypes": ["text/CSV"]}}, {}, "CSV", "1,2"),
        ({"CaptureContentTypeHeader": {"CsvContentTypes": ["own/type"]}}, {}, "BASE64", "MSwy"),
        (
            {"CaptureContentTypeHeader": {"CsvContentTypes": ["Own/Type"]}},
            {"sent_type": "own/type"},
            "CSV",
            "1,2",
        ),
    ],
)
def test_the_content_type_decides_how_a_body_is_kept(
    members: Document, call: Document, encoding: str, data: str
) -> None:
    told = line(config(**members), **call)["captureData"]["endpointInput"]
    assert (told["encoding"], told["data"]) == (encoding, data)


def test_one_side_alone_is_captured_where_only_it_is_asked_for() -> None:
    assert list(line(config(CaptureOptions=[{"CaptureMode": "Output"}]))["captureData"]) == ["endpointOutput"]
    both = line(config(CaptureOptions=[{"CaptureMode": "InputAndOutput"}]))["captureData"]
    assert sorted(both) == ["endpointInput", "endpointOutput"]


def test_nothing_is_captured_unless_it_is_enabled() -> None:
    assert Capture.of(None) is None
    assert Capture.of(config(EnableCapture=False)) is None
    assert Capture.of(config()) is not None


def test_files_lie_by_the_hour_of_utc() -> None:
    assert place("s3://box/captured", "e", "v", AT.astimezone(UTC), "id") == (
        "s3://box/captured/e/v/2026/11/22/23/05-35-871-id.jsonl"
    )
