"""Vector enrichment jobs: points of a map matched to roads, or named."""

from clary.resources.registry import register
from clary.resources.spec import Resource

_WHY = "Clary keeps vector enrichment jobs but does not run them yet; see docs/reference/operations.md."

VECTOR_ENRICHMENT_JOB = register(
    Resource(
        kind="VectorEnrichmentJob",
        service="sagemaker-geospatial",
        identity=("VectorEnrichmentJobId",),
        generated={"VectorEnrichmentJobId": "{12}"},
        arn="vector-enrichment-job/{VectorEnrichmentJobId}",
        arn_member="Arn",
        named={"Create": "StartVectorEnrichmentJob", "Describe": "GetVectorEnrichmentJob"},
        status="Status",
        initial={
            "Status": "FAILED",
            "DurationInSeconds": 0,
            "ErrorDetails": {"ErrorType": "SERVER_ERROR", "ErrorMessage": _WHY},
        },
        hidden=frozenset(),
        missing="ResourceNotFoundException",
        missing_text="There is no vector enrichment job {arn}.",
        missing_status=404,
    )
)
