"""Model cards: what is known of a model, for people, in versions."""

from clary.resources.registry import register
from clary.resources.spec import Resource

MODEL_CARD = register(
    Resource(
        kind="ModelCard",
        announced="SageMaker Model Card State Change",
        arn="model-card/{ModelCardName}",
        status="ModelCardStatus",
        initial={"ModelCardVersion": 1},
        conflict="ConflictException",
        without_effect={"SecurityConfig": "the server's disk is not encrypted with keys of KMS"},
        level="behaves",
    )
)
MODEL_CARD_VERSION = register(
    Resource(
        kind="ModelCardVersion",
        arn="model-card/{ModelCardName}/version/{ModelCardVersion}",
        arn_member="ModelCardVersionArn",
        identity=("ModelCardName", "ModelCardVersion"),
        status="ModelCardStatus",
        filters={"ModelCardName": "ModelCardName", "ModelCardStatus": "ModelCardStatus"},
        orders={"Version": "CreationTime"},  # Versions follow each other.
        conflict="ConflictException",
        level="behaves",
    )
)
