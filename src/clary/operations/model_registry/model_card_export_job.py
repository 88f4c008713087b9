"""What calls about model card export jobs decide: which card, which version, and where to."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ResourceNotFound
from clary.operations import crud, references
from clary.operations.kinds import of
from clary.operations.registry import Call, before, completes
from clary.resources.model_registry.model_card import MODEL_CARD, MODEL_CARD_VERSION


@before("sagemaker", "CreateModelCardExportJob")
def check(call: Call) -> None:
    """Refuse a bucket that is not there."""
    references.bucket(call, call.request["OutputConfig"]["S3OutputPath"], "OutputConfig.S3OutputPath")


@completes("sagemaker", "CreateModelCardExportJob")
def resolve(call: Call) -> Document:
    """Name the card and the version that are exported: the newest where the request names none."""
    card = crud.named(of(MODEL_CARD), call)
    version = call.request.get("ModelCardVersion", card.doc["ModelCardVersion"])
    if call.records.find(MODEL_CARD_VERSION, f"{card.name}/{version}") is None:
        raise ResourceNotFound(f"The model card {card.arn} has no version {version}.")
    return {"ModelCardName": card.name, "ModelCardVersion": version}
