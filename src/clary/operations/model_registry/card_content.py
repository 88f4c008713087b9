"""What a model card says: JSON of the documented schema, as far as its parts and their types are known."""

from __future__ import annotations

import json

from clary.core.document import Document
from clary.core.errors import ValidationError

_PARTS: dict[str, type] = {  # evidence/model-cards.md
    "model_overview": dict,
    "intended_uses": dict,
    "business_details": dict,
    "training_details": dict,
    "evaluation_details": list,
    "additional_information": dict,
    "model_package_details": dict,
}
_RISKS = ("High", "Medium", "Low", "Unknown")
_KEPT = {  # evidence/model-cards.md
    "model_overview": ("model_id", "model_name"),
    "intended_uses": ("risk_rating",),
    "model_package_details": ("model_package_group_name", "model_package_arn"),
}
_SOUGHT = {  # what Search finds a card by: evidence/model-cards.md
    "ModelId": (("model_package_details", "model_package_arn"), ("model_overview", "model_id")),
    "RiskRating": (("intended_uses", "risk_rating"),),
    "ModelPackageGroupName": (("model_package_details", "model_package_group_name"),),
}
SOUGHT = frozenset(_SOUGHT)
"""Members of a card that its content says."""

_WORDS: dict[type, str] = {dict: "an object", list: "an array"}


def check(text: str | None) -> Document:
    """Return what a card says; what is no card is refused."""
    if text is None:
        return {}
    try:
        card = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"The model card's content is not JSON: {error}") from error
    if not isinstance(card, dict):
        raise ValidationError("The model card's content is JSON but no object.")
    for part, value in card.items():
        _check_part(part, value)
    risk = card.get("intended_uses", {}).get("risk_rating")
    if risk is not None and risk not in _RISKS:
        raise ValidationError(f"The model card's intended_uses.risk_rating is {risk!r}, not one of {_RISKS}.")
    for evaluation in card.get("evaluation_details", ()):
        if not isinstance(evaluation, dict) or not isinstance(evaluation.get("name"), str):
            raise ValidationError(
                "Each of the model card's evaluation_details must be an object with a name."
            )
    return card


def check_packaged(text: str | None) -> Document:
    """Return what the card of a model package says; what goes without saying there is refused."""
    card = check(text)
    if "model_package_details" in card:  # evidence/model-cards.md
        raise ValidationError(
            "The card of a model package has no model_package_details: leave them out, the package says them."
        )
    return card


def sought(card: Document) -> Document:
    """Return the members that Search finds a card by, as far as its content says them."""
    found: Document = {}
    for member, places in _SOUGHT.items():
        said = [card.get(part, {}).get(name) for part, name in places]
        texts = [each for each in said if isinstance(each, str) and each]
        if texts:
            found[member] = texts[0]
    return found


def metadata_only(doc: Document, member: str) -> Document:
    """Return a document whose content member holds only what MetadataOnly shows of a card."""
    if not doc.get(member):
        return doc
    card = json.loads(doc[member])
    kept = {
        part: {name: card[part][name] for name in names if name in card[part]}
        for part, names in _KEPT.items()
        if part in card
    }
    return {**doc, member: json.dumps({part: value for part, value in kept.items() if value})}


def _check_part(part: str, value: object) -> None:
    if part not in _PARTS:
        known = ", ".join(_PARTS)
        raise ValidationError(f"The model card's content has the unknown part {part!r}; it may have {known}.")
    if not isinstance(value, _PARTS[part]):
        raise ValidationError(f"The model card's {part} must be {_WORDS[_PARTS[part]]}.")
