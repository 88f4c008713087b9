"""What SageMaker tells EventBridge: the event of each change, in the shape that AWS documents.

The detail is what Describe says of a record, in the same spelling, but that times are milliseconds; pipelines
spell theirs in their own way. Shapes and what is unsure of them: evidence/events-sagemaker.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from clary.core.document import Document

SOURCE = "aws.sagemaker"
DEPLOYMENT = "PendingDeploymentSummary"
"""The member of an endpoint of which a change is an event of its own."""

_SPACE = uuid.UUID("0b9e3a8e-6d1c-4a3c-9a54-5a3d2f1f7c11")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of a record: what it is now, its status before, and which other members it is told for."""

    number: int
    kind: str
    detail_type: str
    account: str
    region: str
    arn: str
    at: datetime
    was: str
    changed: tuple[str, ...]
    gone: bool
    doc: Document


def events_of(change: Change) -> Iterator[Document]:
    """Yield the events that tell of a change; the same change makes the same events, ids included."""
    if change.kind != "Endpoint":
        yield _event(change, change.detail_type)
        return
    if change.was != change.doc["EndpointStatus"]:
        yield _event(change, change.detail_type)
    if DEPLOYMENT in change.changed and DEPLOYMENT in change.doc:
        yield _event(change, "SageMaker Endpoint Deployment State Change", "/deployment")


def stamp(at: datetime) -> str:
    """Return a time as events have it: whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain(value: object) -> object:
    """Return a value as JSON has it, times in milliseconds."""
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def _event(change: Change, detail_type: str, which: str = "") -> Document:
    shape = _OWN_WAY.get(change.kind, _as_described)
    return {
        "version": "0",
        "id": str(uuid.uuid5(_SPACE, f"{change.arn}/{change.number}{which}")),
        "detail-type": detail_type,
        "source": SOURCE,
        "account": change.account,
        "time": stamp(change.at),
        "region": change.region,
        "resources": _resources(change),
        "detail": plain(shape(change)),
    }


def _resources(change: Change) -> list[str]:
    if change.kind in ("PipelineExecution", "PipelineExecutionStep"):
        pipeline = change.arn.partition("/execution/")[0]
        return [pipeline, _execution_arn(change)]
    return [change.arn]


def _as_described(change: Change) -> Document:
    doc = {name: value for name, value in change.doc.items() if not name.startswith("_")}
    tags = {tag["Key"]: tag.get("Value", "") for tag in doc.pop("Tags", ()) or () if isinstance(tag, dict)}
    return {**doc, f"{change.kind}Arn": change.arn, "Tags": tags}


def _endpoint(change: Change) -> Document:
    detail = _as_described(change)
    status = str(detail.get("EndpointStatus", ""))
    return {**detail, "EndpointStatus": _SHOUTED.get(status, status)}


def _model_package(change: Change) -> Document:
    detail = _as_described(change)
    detail.pop("Tags")
    times = {name: stamp(value) for name, value in detail.items() if isinstance(value, datetime)}
    updated = {"UpdatedModelPackageFields": list(change.changed)} if change.changed else {}
    return {**detail, **times, **updated}


def _execution(change: Change) -> Document:
    doc = change.doc
    told = {
        "pipelineExecutionDisplayName": doc.get("PipelineExecutionDisplayName"),
        "currentPipelineExecutionStatus": doc.get("PipelineExecutionStatus"),
        "previousPipelineExecutionStatus": change.was or None,
        "executionStartTime": _stamped(doc.get("CreationTime")),
        "executionEndTime": _stamped(doc.get("LastModifiedTime")) if _ended(change) else None,
        "pipelineExecutionDescription": doc.get("PipelineExecutionDescription"),
        "pipelineArn": change.arn.partition("/execution/")[0],
        "pipelineExecutionArn": change.arn,
    }
    return {name: value for name, value in told.items() if value is not None}


def _step(change: Change) -> Document:
    doc = change.doc
    told = {
        "metadata": _uncapitalised(doc.get("Metadata") or {}),
        "stepStartTime": _stamped(doc.get("StartTime")),
        "stepEndTime": _stamped(doc.get("EndTime")),
        "stepName": doc.get("StepName"),
        "stepType": doc.get("StepType"),
        "previousStepStatus": change.was or None,
        "currentStepStatus": doc.get("StepStatus"),
        "failureReason": doc.get("FailureReason"),
        "cacheHitResult": _uncapitalised(doc["CacheHitResult"]) if doc.get("CacheHitResult") else None,
        "pipelineArn": change.arn.partition("/execution/")[0],
        "pipelineExecutionArn": _execution_arn(change),
    }
    return {name: value for name, value in told.items() if value is not None}


def _execution_arn(change: Change) -> str:
    pipeline, middle, rest = change.arn.partition("/execution/")
    return f"{pipeline}{middle}{rest.partition('/')[0]}"


def _ended(change: Change) -> bool:
    return change.doc.get("PipelineExecutionStatus") in ("Succeeded", "Failed", "Stopped")


def _stamped(value: object) -> str | None:
    return stamp(value) if isinstance(value, datetime) else None


def _uncapitalised(value: object) -> object:
    if isinstance(value, Mapping):
        return {name[:1].lower() + name[1:]: _uncapitalised(each) for name, each in value.items()}
    return value


_SHOUTED = {
    "Creating": "CREATING",
    "Updating": "UPDATING",
    "SystemUpdating": "SYSTEM_UPDATING",
    "RollingBack": "ROLLING_BACK",
    "InService": "IN_SERVICE",
    "OutOfService": "OUT_OF_SERVICE",
    "Deleting": "DELETING",
    "Failed": "FAILED",
    "UpdateRollbackFailed": "UPDATE_ROLLBACK_FAILED",
}
_OWN_WAY: Mapping[str, Callable[[Change], Document]] = {
    "Endpoint": _endpoint,
    "ModelPackage": _model_package,
    "PipelineExecution": _execution,
    "PipelineExecutionStep": _step,
}
