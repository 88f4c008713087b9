"""Model cards: content makes versions, status does not; everything of a card goes with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ApiError, ResourceNotFound, ValidationError
from clary.operations import crud
from clary.operations.kinds import of
from clary.operations.model_registry import card_content, card_facts
from clary.operations.registry import Call, completes, operation
from clary.resources.model_registry.model_card import MODEL_CARD, MODEL_CARD_VERSION
from clary.resources.model_registry.model_card_export_job import MODEL_CARD_EXPORT_JOB
from clary.store.records import Filter, Record

_CHANGING = ("Content", "ModelCardStatus")
_OF_VERSION = ("Content", "ModelCardStatus", "LastModifiedBy", "SecurityConfig")


@completes("sagemaker", "CreateModelCard")
def complete(call: Call) -> Document:
    """Say what Search finds the card by."""
    return card_content.sought(card_content.check(call.request["Content"]))


@operation("sagemaker", "CreateModelCard")
def create(call: Call) -> Document:
    """Keep a card and its first version."""
    call = _with_facts(call)
    with call.records.database.write():
        told = crud.create(of(MODEL_CARD), call)
        _keep_version(call, call.records.get(MODEL_CARD, call.request))
    return told


@operation("sagemaker", "DescribeModelCard")
def describe(call: Call) -> Document:
    """Answer a card as it is, or as one of its versions was; MetadataOnly leaves out most of its content."""
    card = crud.named(of(MODEL_CARD), call)
    doc = card.doc
    if number := call.request.get("ModelCardVersion"):
        doc = {**doc, **_version(call, card, number).doc}
    if call.request.get("IncludedData") == "MetadataOnly":
        doc = card_content.metadata_only(doc, "Content")
    return crud.described(of(MODEL_CARD), doc)


@operation("sagemaker", "UpdateModelCard")
def update(call: Call) -> Document:
    """Change the content, which makes a version, or the status, which does not."""
    request = _with_facts(call).request
    sought = card_content.sought(card_content.check(request.get("Content")))
    with call.records.database.write():
        card = crud.named(of(MODEL_CARD), call)
        changes: Document = {
            name: request[name] for name in _CHANGING if request.get(name, card.doc[name]) != card.doc[name]
        }
        _check_change(card, changes)
        changes["LastModifiedBy"] = crud.signature(call.principal)
        gone: Collection[str] = ()
        if "Content" in changes:
            changes |= {"ModelCardVersion": card.doc["ModelCardVersion"] + 1, **sought}
            gone = card_content.SOUGHT - sought.keys()
        card = call.records.update(card, changes, remove=gone)
        if "Content" in changes:
            _keep_version(call, card)
        else:
            version = _version(call, card, card.doc["ModelCardVersion"])
            call.records.update(version, changes)
    return {"ModelCardArn": card.arn}


@operation("sagemaker", "DeleteModelCard")
def delete(call: Call) -> None:
    """Remove a card with its versions and its export jobs."""
    with call.records.database.write():
        card = crud.named(of(MODEL_CARD), call)
        records = call.records.scoped(card.account, card.region)
        for kind in (MODEL_CARD_VERSION, MODEL_CARD_EXPORT_JOB):
            where = [Filter("ModelCardName", "eq", card.name)]
            while held := records.page(kind, where=where, limit=100).records:
                for record in held:
                    records.delete(record)
        records.delete(card)


@operation("sagemaker", "ListModelCardVersions")
def versions(call: Call) -> Document:
    """Answer a card's versions, the newest first."""
    card = crud.named(of(MODEL_CARD), call)
    request = {**call.request, "ModelCardName": card.name}
    records = call.records.scoped(card.account, card.region)
    return crud.page(of(MODEL_CARD_VERSION), replace(call, request=request, records=records))


def _with_facts(call: Call) -> Call:
    """Return the call with what was measured of its model in its content."""
    if "Content" not in call.request:
        return call
    return replace(
        call, request={**call.request, "Content": card_facts.of_card(call, call.request["Content"])}
    )


def _check_change(card: Record, changes: Document) -> None:
    if len(changes) == 2:  # evidence/model-cards.md
        raise ValidationError("Update the model card's Content and its ModelCardStatus in separate calls.")
    if "Content" in changes and card.status == "Archived":
        raise ApiError(
            f"The model card {card.arn} is Archived; its content does not change any more.",
            code="ConflictException",
            status=400,
        )


def _keep_version(call: Call, card: Record) -> None:
    """Keep what a card is now as one of its versions."""
    kept = {name: card.doc[name] for name in _OF_VERSION if name in card.doc}
    named = {name: card.doc[name] for name in ("ModelCardName", "ModelCardArn", "ModelCardVersion")}
    by = {"CreatedBy": crud.signature(call.principal)}
    call.records.scoped(card.account, card.region).create(MODEL_CARD_VERSION, {**kept, **named, **by})


def _version(call: Call, card: Record, number: int) -> Record:
    key = f"{card.name}/{number}"
    version = call.records.scoped(card.account, card.region).find(MODEL_CARD_VERSION, key)
    if version is None:
        raise ResourceNotFound(f"The model card {card.arn} has no version {number}.")
    return version
