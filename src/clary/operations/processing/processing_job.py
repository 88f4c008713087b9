"""What calls about processing jobs decide; the rest is `crud`'s."""

from __future__ import annotations

from clary.operations import none_yet, references
from clary.operations.registry import Call, before


@before("sagemaker", "CreateProcessingJob")
def check(call: Call) -> None:
    """Refuse a role that cannot be passed on."""
    references.role(call, call.request["RoleArn"])


none_yet.ended("CreateProcessingJob", "ProcessingEndTime")
