"""Lineage steps: entities and their associations, all of them or none. evidence/pipeline-executions.md"""

from __future__ import annotations

from clary.controllers.means import Means
from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.store.records import Record

_ENTITIES = {"Actions": "Action", "Artifacts": "Artifact", "Contexts": "Context"}


def record(means: Means, step: Record, role: str, arguments: Document) -> Document:
    """Make what a step records; return what the step remembers of it, in the same transaction."""
    made = {kind: _made(means, step, role, kind, arguments.get(many, ())) for many, kind in _ENTITIES.items()}
    told: Document = {f"{kind}Arns": arns for kind, arns in made.items() if arns}
    pairs = [_associated(means, step, role, each, made) for each in arguments.get("Associations", ())]
    if pairs:
        told["Associations"] = pairs
    return {"Metadata": {"Lineage": told}}


def _made(means: Means, step: Record, role: str, kind: str, wanted: list[Document]) -> dict[str, str]:
    found = {}
    for number, request in enumerate(wanted):
        answer = means.call_as(role, step.region, f"Create{kind}", request, {})
        found[str(request.get(f"{kind}Name", number))] = str(answer[f"{kind}Arn"])
    return found


def _associated(
    means: Means, step: Record, role: str, wanted: Document, made: dict[str, dict[str, str]]
) -> Document:
    ends = {f"{end}Arn": _arn(wanted[end], made) for end in ("Source", "Destination")}
    kind = {name: wanted[name] for name in ("AssociationType",) if name in wanted}
    means.call_as(role, step.region, "AddAssociation", {**ends, **kind}, {})
    return ends


def _arn(end: Document, made: dict[str, dict[str, str]]) -> str:
    if "Arn" in end:
        return str(end["Arn"])
    arn = made.get(str(end.get("Type")), {}).get(str(end.get("Name")))
    if arn is None:
        raise ValidationError(f"The step makes no {end.get('Type')} that is called {end.get('Name')!r}.")
    return arn
