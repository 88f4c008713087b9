"""What calls about artifacts decide: there is one for each source, and it may be deleted by its source."""

from __future__ import annotations

from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.engines.lineage.entities import artifact_id, group_arn
from clary.operations import kinds
from clary.operations.lineage.edges import delete_alone
from clary.operations.registry import Call, completes, operation
from clary.resources.lineage.artifact import ARTIFACT

KIND = kinds.of(ARTIFACT)


@completes("sagemaker", "CreateArtifact")
def complete(call: Call) -> Document:
    """Name it after its source, so that there cannot be two of one source."""
    return {
        "ArtifactId": artifact_id(call.account, call.region, call.request["Source"]["SourceUri"]),
        "LineageGroupArn": group_arn(call.account, call.region),
    }


@operation("sagemaker", "DeleteArtifact")
def delete(call: Call) -> Document:
    """Delete an artifact that nothing is associated with, named by its ARN or by its source."""
    return delete_alone(KIND, _by_arn(call))


def _by_arn(call: Call) -> Call:
    request = call.request
    if ("ArtifactArn" in request) == ("Source" in request):
        raise ValidationError("Give exactly one of ArtifactArn and Source.")
    if "ArtifactArn" in request:
        return call
    found = {"ArtifactId": artifact_id(call.account, call.region, request["Source"]["SourceUri"])}
    return replace(call, request={"ArtifactArn": call.records.arn(ARTIFACT, found)})
