"""How a step stands, as its record tells it."""

from __future__ import annotations

from clary.core.document import Document
from clary.engines.pipelines.graph import Standing


def standing(doc: Document) -> Standing:
    """Return how a step stands of which a record was made."""
    outcome = doc.get("Metadata", {}).get("Condition", {}).get("Outcome")
    return Standing(
        status=doc["StepStatus"],
        outcome=None if outcome is None else outcome == "True",
        reason=doc.get("FailureReason", ""),
    )
