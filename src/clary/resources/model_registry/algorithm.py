"""Algorithms: an image that trains, and perhaps one that serves, under a name."""

from clary.resources.registry import register
from clary.resources.spec import Resource

ALGORITHM = register(
    Resource(
        kind="Algorithm",
        announced="SageMaker Algorithm State Change",
        arn="algorithm/{AlgorithmName!l}",
        status="AlgorithmStatus",
        missing="ValidationException",  # evidence/registry-errors.md
        missing_text="Algorithm {arn} does not exist.",
        conflict="ValidationException",
        conflict_text="Algorithm already exists: {arn}",
        answers={"CertifyForMarketplace": False},
        level="behaves",
    )
)
