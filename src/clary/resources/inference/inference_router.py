"""Inference routers: one name before several endpoints."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

INFERENCE_ROUTER = register(
    Resource(
        kind="InferenceRouter",
        arn="inference-router/{InferenceRouterName}",
        status="Status",
        initial=not_run("Status", "inference routers", why="StatusReason"),
        conflict="ResourceAlreadyExists",
    )
)
