"""What is told of an asynchronous invocation: where its answer goes, why it failed, what its topic hears.

evidence/async-inference.md
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from clary.core.document import Document

INCLUDED = 128 << 10
"""Bytes of an answer that a notification holds at most."""

CONCURRENT = 4
"""Requests a host is asked at once where the configuration does not say; AWS does not tell its number."""

_TOPICS = {True: "SuccessTopic", False: "ErrorTopic"}
_INCLUDED_IN = {True: "SUCCESS_NOTIFICATION_TOPIC", False: "ERROR_NOTIFICATION_TOPIC"}
_LOGS = "See the SageMaker Endpoint logs in your account for more information."


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a request ended. `reason` is empty for a success; `content` is the whole answer if it is small."""

    reason: str = ""
    content_type: str = ""
    content: bytes | None = None
    written: str = ""  # where the answer, or what is kept of a failure, was put


def config_of(endpoint: Document) -> Document | None:
    """Return the AsyncInferenceConfig that an endpoint's record serves by; None for a real-time one."""
    serving = endpoint.get("_Serving") or endpoint.get("_Wanted") or {}
    found: Document | None = serving.get("AsyncInferenceConfig")
    return found


def concurrent(config: Document) -> int:
    """Return how many requests one host is asked at once."""
    found: int = config.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance", CONCURRENT)
    return found


def locations(config: Document, name: str, request: Document) -> Document:
    """Return OutputLocation and, where failures are kept, FailureLocation of a request called `name`."""
    output = config["OutputConfig"]
    found = {
        "OutputLocation": _below(output["S3OutputPath"], request, request.get("Filename", f"{name}.out"))
    }
    if output.get("S3FailurePath"):
        found["FailureLocation"] = _below(output["S3FailurePath"], request, f"{name}-error.out")
    return found


def topic(config: Document, outcome: Outcome) -> str:
    """Return the topic that hears of an outcome; empty if there is none."""
    told = config["OutputConfig"].get("NotificationConfig", {})
    found: str = told.get(_TOPICS[not outcome.reason], "")
    return found


def notification(
    config: Document, request: Document, outcome: Outcome, *, region: str, received: datetime, now: datetime
) -> Document:
    """Return what a topic is told."""
    asked = {
        "accept": request.get("Accept"),
        "contentType": request.get("ContentType"),
        "customAttributes": request.get("CustomAttributes"),
        "endpointName": request["EndpointName"],
        "inputLocation": request.get("InputLocation"),
    }
    told: Document = {
        "awsRegion": region,
        "eventTime": _spelled(now),
        "receivedTime": _spelled(received),
        "invocationStatus": "Failed" if outcome.reason else "Completed",
    }
    if outcome.reason:
        told["failureReason"] = outcome.reason
    told["requestParameters"] = {name: value for name, value in asked.items() if value}
    if outcome.written:
        told["responseParameters"] = {"contentType": outcome.content_type, "outputLocation": outcome.written}
    including = config["OutputConfig"].get("NotificationConfig", {}).get("IncludeInferenceResponseIn", ())
    content = outcome.content
    if _INCLUDED_IN[not outcome.reason] in including and content is not None and len(content) <= INCLUDED:
        told["responseBody"] = {"content": base64.b64encode(content).decode(), "encoding": "BASE64"}
    return {
        **told,
        "inferenceId": request["InferenceId"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def model_failure(status: int, text: str) -> str:
    """Say that the container answered with an error of its own."""
    side = "client" if status < 500 else "server"
    said = f' The model said: "{text}"' if text else ""
    return f"ClientError: Received {side} error ({status}) from model. {_LOGS}{said}"


def late(seconds: int) -> str:
    """Say that the container was too long about it."""
    return f"ClientError: The model did not answer within InvocationTimeoutSeconds ({seconds}). {_LOGS}"


def expired(seconds: int) -> str:
    """Say that nobody got round to a request in time."""
    return f"ClientError: The request waited in the queue for longer than RequestTTLSeconds ({seconds})."


def lost(times: int) -> str:
    """Say that every host that was asked died over a request."""
    return (
        f"InternalServerError: {times} hosts were lost while they worked on this request, which may be the "
        f"cause. {_LOGS}"
    )


def _below(path: str, request: Document, name: str) -> str:
    parts = [path.rstrip("/"), request.get("S3OutputPathExtension", "").strip("/"), name]
    return "/".join(part for part in parts if part)


def _spelled(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
