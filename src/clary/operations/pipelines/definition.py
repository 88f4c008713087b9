"""The definition that a request brings: in itself, or as an object of S3."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.engines.pipelines.definition import LONGEST, Definition, parse
from clary.engines.pipelines.faults import DefinitionFault
from clary.operations import role_access
from clary.operations.registry import Call


def given(call: Call, role: str) -> str | None:
    """Return the definition a request brings, None for one that brings none; an unreadable one is refused."""
    request = call.request
    text, place = request.get("PipelineDefinition"), request.get("PipelineDefinitionS3Location")
    if text is not None and place is not None:
        raise ValidationError("Give at most one of PipelineDefinition and PipelineDefinitionS3Location.")
    if place is not None:
        text = _read(call, role, place)
    if text is not None:
        parsed(text)
    return text


def parsed(text: str) -> Definition:
    """Return what a definition says, or refuse it by the path of its fault."""
    try:
        return parse(text)
    except DefinitionFault as fault:
        raise ValidationError(f"Unable to parse pipeline definition. {fault}") from fault


def _read(call: Call, role: str, place: Document) -> str:
    bucket, key = place["Bucket"], place["ObjectKey"]
    role_access.check(call, role, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    if call.objects.find_bucket(bucket) is None or (found := call.objects.find(bucket, key)) is None:
        raise ValidationError(f"There is no pipeline definition at s3://{bucket}/{key}.")
    if "VersionId" in place:
        found = call.objects.get(bucket, key, place["VersionId"])
    if found.size > 4 * LONGEST:
        raise ValidationError(
            f"The pipeline definition has {found.size} bytes; it may have {LONGEST} characters."
        )
    try:
        return found.path.read_text()
    except UnicodeDecodeError as error:
        raise ValidationError("Unable to parse pipeline definition. It is not UTF-8.") from error
