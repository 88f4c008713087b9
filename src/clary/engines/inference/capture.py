"""Data capture: which calls of an endpoint are written down, and how (evidence/data-capture.md)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from clary.core.document import Document

_CSV, _JSON = ("text/csv",), ("application/json",)


@dataclass(frozen=True, kw_only=True)
class Capture:
    """One DataCaptureConfig."""

    percent: int
    uri: str
    input: bool
    output: bool
    csv: frozenset[str]
    json: frozenset[str]

    @classmethod
    def of(cls, config: Document | None) -> Capture | None:
        """Read a configuration; None where it captures nothing."""
        if not config or not config.get("EnableCapture", True):
            return None
        modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        types = config.get("CaptureContentTypeHeader", {})
        return cls(
            percent=config["InitialSamplingPercentage"],
            uri=config["DestinationS3Uri"].rstrip("/"),
            input=bool(modes & {"Input", "InputAndOutput"}),
            output=bool(modes & {"Output", "InputAndOutput"}),
            csv=frozenset(map(str.lower, types.get("CsvContentTypes", _CSV))),
            json=frozenset(map(str.lower, types.get("JsonContentTypes", _JSON))),
        )


@dataclass(frozen=True, kw_only=True)
class Exchanged:
    """One call: what was sent and what was answered."""

    id: str
    time: datetime
    sent: bytes
    sent_type: str
    answered: bytes
    answered_type: str
    inference_id: str = ""
    attributes: str = ""


def line(capture: Capture, call: Exchanged) -> str:
    """Return a call as one line of a captured file."""
    return json.dumps(_event(capture, call), separators=(",", ":"), ensure_ascii=False)


def place(uri: str, endpoint: str, variant: str, time: datetime, name: str) -> str:
    """Return the S3 URI of a file whose first call was answered at that time."""
    at = time.astimezone(UTC)
    folder = at.strftime("%Y/%m/%d/%H")
    return f"{uri}/{endpoint}/{variant}/{folder}/{at:%M-%S}-{at.microsecond // 1000:03}-{name}.jsonl"


def _event(capture: Capture, call: Exchanged) -> Document:
    data: Document = {}
    if capture.input:
        data["endpointInput"] = _side(capture, "INPUT", call.sent_type, call.sent)
    if capture.output:
        data["endpointOutput"] = _side(capture, "OUTPUT", call.answered_type, call.answered)
    told: Document = {"eventId": call.id}
    if call.inference_id:
        told["inferenceId"] = call.inference_id
    if call.attributes:
        told["customAttributes"] = [call.attributes]
    told["inferenceTime"] = call.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"captureData": data, "eventMetadata": told, "eventVersion": "0"}


def _side(capture: Capture, mode: str, content_type: str, body: bytes) -> Document:
    encoding, text = _encoded(capture, content_type.partition(";")[0].strip().lower(), body)
    return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}


def _encoded(capture: Capture, kind: str, body: bytes) -> tuple[str, str]:
    encoding = "CSV" if kind in capture.csv else "JSON" if kind in capture.json else ""
    if encoding:
        try:
            return encoding, body.decode()
        except UnicodeDecodeError:
            pass  # not the text that its header promises
    return "BASE64", base64.b64encode(body).decode()
