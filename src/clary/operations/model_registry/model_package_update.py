"""UpdateModelPackage: approval with its history, and what else may change of a package."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.operations import crud
from clary.operations.model_registry import card_facts, package_contents, packaged
from clary.operations.model_registry.model_package import APPROVALS, approval_of
from clary.operations.registry import Call, operation
from clary.store.record import Record

_REPLACED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelPackageRegistrationType",
    "InferenceSpecification",
    "SourceUri",
    "ModelLifeCycle",
)


@operation("sagemaker", "UpdateModelPackage")
def update(call: Call) -> Document:
    """Change a package; its approval status is kept with who gave it, when and why."""
    request = call.request
    before = packaged.find(call, request["ModelPackageArn"])
    contents, content = _contents(call, before), _card_content(call, before.doc)
    with call.records.database.write():
        package = packaged.find(call, request["ModelPackageArn"])
        changes = {member: request[member] for member in _REPLACED if member in request}
        changes |= {**_metadata(request, package.doc), **_card(request, package.doc, content), **contents}
        changes |= _added(request, package.doc)
        changes["LastModifiedBy"] = crud.signature(call.principal)
        if approval := request.get("ModelApprovalStatus"):
            entry = approval_of(call, approval, request.get("ApprovalDescription"))
            changes[APPROVALS] = [*package.doc.get(APPROVALS, ()), entry]
        package = call.records.update(package, changes)
    return {"ModelPackageArn": package.arn}


def _contents(call: Call, package: Record) -> Document:
    """Return the status that changed contents earn; looked up outside the transaction."""
    request = call.request
    if not {"InferenceSpecification", "AdditionalInferenceSpecificationsToAdd"} & set(request):
        return {}
    specification = request.get("InferenceSpecification", package.doc.get("InferenceSpecification"))
    doc = {**package.doc, **_added(request, package.doc), "InferenceSpecification": specification}
    return package_contents.checked(call, doc)


def _added(request: Document, doc: Document) -> Document:
    new = request.get("AdditionalInferenceSpecificationsToAdd")
    if not new:
        return {}
    held = doc.get("AdditionalInferenceSpecifications", [])
    names = [each["Name"] for each in (*held, *new)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ApiError(
            f"The package already has an additional inference specification called {twice[0]!r}.",
            code="ConflictException",
            status=400,
        )
    if len(names) > 15:
        raise ValidationError(
            f"The package would have {len(names)} additional inference specifications; it may have 15."
        )
    return {"AdditionalInferenceSpecifications": [*held, *new]}


def _metadata(request: Document, doc: Document) -> Document:
    members = {"CustomerMetadataProperties", "CustomerMetadataPropertiesToRemove"}
    if not members & set(request):
        return {}
    held = {**doc.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
    gone = set(request.get("CustomerMetadataPropertiesToRemove", ()))
    kept = {name: value for name, value in held.items() if name not in gone}
    if len(kept) > 50:
        raise ValidationError(f"The package would have {len(kept)} metadata properties; it may have 50.")
    return {"CustomerMetadataProperties": kept}


def _card_content(call: Call, doc: Document) -> str | None:
    """Return the content that a card is given, with what was measured; looked up outside the transaction."""
    given = call.request.get("ModelCard", {}).get("ModelCardContent")
    return None if given is None else card_facts.of_package(call, doc, given)


def _card(request: Document, doc: Document, content: str | None) -> Document:
    """Return the card as it becomes; an archived one keeps its content."""
    if "ModelCard" not in request:
        return {}
    held, new = doc.get("ModelCard", {}), {} if content is None else {"ModelCardContent": content}
    archived = held.get("ModelCardStatus") == "Archived"
    if archived and new and content != held.get("ModelCardContent"):  # evidence/model-cards.md
        raise ApiError("Model Card is in Archived state.", code="ConflictException", status=400)
    return {"ModelCard": {"ModelCardStatus": "Draft", **held, **request["ModelCard"], **new}}
