"""What calls about vector enrichment jobs decide, and their tags; the rest is `crud`'s."""

from __future__ import annotations

from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.core.tags import retagged
from clary.operations import crud, references
from clary.operations.kinds import of
from clary.operations.registry import Call, before, completes, operation
from clary.resources.geospatial.vector_enrichment_job import VECTOR_ENRICHMENT_JOB
from clary.store.record import Record

SERVICE = "sagemaker-geospatial"
ORDERS = ("CreationTime", "Name", "Status")
_TYPES = {"ReverseGeocodingConfig": "REVERSE_GEOCODING", "MapMatchingConfig": "MAP_MATCHING"}
_MOST_TAGS = 50


@before(SERVICE, "StartVectorEnrichmentJob")
def check(call: Call) -> None:
    """Refuse a job of two kinds, and a role that cannot be passed on."""
    if len(call.request["JobConfig"]) != 1:
        raise ValidationError("JobConfig must have exactly one member.")
    references.role(call, call.request["ExecutionRoleArn"])


@completes(SERVICE, "StartVectorEnrichmentJob")
def started(call: Call) -> Document:
    """Say what kind of job it is."""
    [config] = call.request["JobConfig"]
    return {"Type": _TYPES[config]}


@before(SERVICE, "ListVectorEnrichmentJobs")
def check_order(call: Call) -> None:
    """Refuse an order that there is not: the model takes any text."""
    by = call.request.get("SortBy", ORDERS[0])
    if by not in ORDERS:
        raise ValidationError(f"SortBy is {by!r}; it must be one of {', '.join(ORDERS)}.")


@operation(SERVICE, "ExportVectorEnrichmentJob", level="stored")
def export(call: Call) -> Document:
    """Refuse: only what has completed can be exported, and nothing does."""
    job = crud.named(of(VECTOR_ENRICHMENT_JOB), call)
    raise ApiError(
        f"The vector enrichment job {job.arn} is {job.status}; only one that is COMPLETED can be exported.",
        code="ConflictException",
        status=409,
    )


@operation(SERVICE, "TagResource")
def tag(call: Call) -> None:
    """Add tags, or replace their values."""
    with call.records.database.write():
        job = _tagged(call)
        _write(call, job, retagged(job.doc.get("Tags"), call.request["Tags"]))


@operation(SERVICE, "UntagResource")
def untag(call: Call) -> None:
    """Take tags away; a key that is not there is no mistake."""
    with call.records.database.write():
        job = _tagged(call)
        _write(call, job, retagged(job.doc.get("Tags"), gone=set(call.request["TagKeys"])))


@operation(SERVICE, "ListTagsForResource")
def tags(call: Call) -> Document:
    """Answer all tags."""
    return {"Tags": _tagged(call).doc.get("Tags", {})}


def _tagged(call: Call) -> Record:
    asked = replace(call, request={"Arn": call.request["ResourceArn"]})
    return crud.named(of(VECTOR_ENRICHMENT_JOB), asked)


def _write(call: Call, job: Record, tags: dict[str, str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise ValidationError(f"{job.arn} would have {len(tags)} tags; a resource may have {_MOST_TAGS}.")
    call.records.update(job, {"Tags": tags}, touch=False)
