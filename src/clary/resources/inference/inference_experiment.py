"""Inference experiments: a second model that sees a share of the traffic. Their statuses know no failure."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

INFERENCE_EXPERIMENT = register(
    Resource(
        kind="InferenceExperiment",
        identity=("Name",),
        arn="inference-experiment/{Name}",
        arn_member="Arn",
        status="Status",
        initial=not_run(
            "Status",
            "inference experiments",
            failed="Cancelled",
            why="StatusReason",
            instead="A variant of a small InitialVariantWeight gets real calls.",
        ),
        within={"EndpointName": "Endpoint"},
    )
)
