"""Event streams: what we frame, botocore's parser takes apart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.model import StructureShape
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from clary.core.errors import ApiError, SerializationError
from clary.wire import events, models
from clary.wire.message import Headers, HttpRequest
from clary.wire.serialise import event_payloads, serialise

HEADERS: dict[str, events.HeaderValue] = {
    "true": True,
    "false": False,
    "int": -5,
    "long": 1 << 40,
    "bytes": b"\x00\xff",
    "text": "ü",
    "time": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
    "uuid": UUID("12345678-1234-5678-1234-567812345678"),
}


def stream_of(service: str, operation: str) -> StructureShape:
    shape = models.service(service).operation_model(operation).get_event_stream_output()
    assert isinstance(shape, StructureShape)
    return shape


def parsed(service: str, operation: str, raw: bytes) -> list[dict[str, Any]]:
    """Return the events botocore sees in a stream."""
    protocol = models.service(service).resolved_protocol
    parser = vars(create_parser(protocol))["_event_stream_parser"]
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    return [parser.parse(message.to_response_dict(), stream_of(service, operation)) for message in buffer]


def test_every_kind_of_header_survives() -> None:
    message = events.Message(HEADERS, b"payload")
    assert events.decode(events.encode(message)) == [message]


def test_streamed_predictions_are_read_by_botocore() -> None:
    parts = [{"PayloadPart": {"Bytes": b"one "}}, {"PayloadPart": {"Bytes": b"two"}}]
    service = models.service("sagemaker-runtime")
    operation = service.operation_model("InvokeEndpointWithResponseStream")
    request = HttpRequest(method="POST", path="/")
    response = serialise(service, operation, {"Body": parts, "ContentType": "text/plain"}, request, "an-id")
    assert isinstance(response.body, bytes)
    assert parsed("sagemaker-runtime", "InvokeEndpointWithResponseStream", response.body) == parts


def test_a_tail_of_logs_begins_with_its_initial_response() -> None:
    service = models.service("logs")
    operation = service.operation_model("StartLiveTail")
    start = {"sessionStart": {"requestId": "r", "logGroupIdentifiers": ["g"]}}
    request = HttpRequest(method="POST", path="/", headers=Headers([("X-Amz-Target", "L.StartLiveTail")]))
    response = serialise(service, operation, {"responseStream": [start]}, request, "an-id")
    assert isinstance(response.body, bytes)
    first, second = events.decode(response.body)
    assert first.headers[":event-type"] == "initial-response"
    assert second.headers[":event-type"] == "sessionStart"
    raw = events.encode(second)
    assert parsed("logs", "StartLiveTail", raw) == [start]


def test_an_error_in_midstream_is_read_by_botocore() -> None:
    service = models.service("sagemaker-runtime")
    encode, kind = event_payloads(service, "rest-json")
    stream = stream_of("sagemaker-runtime", "InvokeEndpointWithResponseStream")
    raw = events.exception(stream, ApiError("It broke.", code="ModelStreamError"), encode, kind)
    (error,) = parsed("sagemaker-runtime", "InvokeEndpointWithResponseStream", raw)
    assert error["Error"] == {"Code": "ModelStreamError", "Message": "It broke."}
    raw = events.exception(stream, ApiError("It broke.", code="Other"), encode, kind)
    (error,) = parsed("sagemaker-runtime", "InvokeEndpointWithResponseStream", raw)
    assert error["Error"] == {"Code": "Other", "Message": "It broke."}


@given(st.lists(st.binary(max_size=20), max_size=4), st.integers(min_value=1, max_value=30))
def test_messages_come_whole_however_they_are_cut(payloads: list[bytes], step: int) -> None:
    raw = b"".join(events.encode(events.Message({"n": "v"}, payload)) for payload in payloads)
    decoder, found = events.Decoder(), []
    for at in range(0, len(raw), step):
        found += decoder.feed(raw[at : at + step])
    decoder.finish()
    assert [message.payload for message in found] == payloads


def test_a_flipped_byte_is_noticed() -> None:
    raw = events.encode(events.Message(HEADERS, b"payload"))
    for at in range(len(raw)):
        with pytest.raises(SerializationError):
            events.decode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


@given(st.binary(max_size=60))
def test_noise_is_a_clean_error(noise: bytes) -> None:
    try:
        events.decode(noise)
    except SerializationError:
        return
    assert not noise
