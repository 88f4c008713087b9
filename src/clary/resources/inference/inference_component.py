"""Inference components: models that share an endpoint's instances."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

INFERENCE_COMPONENT = register(
    Resource(
        kind="InferenceComponent",
        arn="inference-component/{InferenceComponentName}",
        status="InferenceComponentStatus",
        initial=not_run(
            "InferenceComponentStatus",
            "inference components",
            instead="Deploy the model as a variant, or several as one model of the Mode MultiModel.",
        ),
        within={"EndpointName": "Endpoint"},
        missing="ValidationException",  # evidence/inference-component-missing.md
        missing_text='Could not find inference component "{arn}".',
        conflict="ValidationException",
        conflict_text='Cannot create already existing inference component "{arn}".',
    )
)
