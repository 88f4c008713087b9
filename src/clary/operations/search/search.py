"""Search: one page of the resources of a type that meet an expression; and the names one may search by."""

from __future__ import annotations

from functools import cache

from botocore.model import Shape, StructureShape

from clary.core.conditions import All, Condition
from clary.core.document import Document, filled
from clary.engines.search.expression import Grammar
from clary.operations.kinds import members, project
from clary.operations.registry import Call, operation
from clary.resources import registry
from clary.resources.searchable import SEARCHABLE, Searchable
from clary.resources.spec import Resource
from clary.store import search as index
from clary.wire import models

PAGE = 10  # What a Search without MaxResults answers at most.

_SUGGESTED = ("HyperParameters.", "Tags.", "Metrics.")


@operation("sagemaker", "Search")
def search(call: Call) -> Document:
    """Answer one page of hits and how many there are."""
    request = call.request
    found = SEARCHABLE[request["Resource"]]
    grammar = Grammar(request["Resource"], _properties(found), strict=call.settings.strict)
    condition = _condition(grammar, request)
    sort = grammar.order(request["SortBy"]) if "SortBy" in request else "LastModifiedTime"
    resource = registry.load().get(("sagemaker", found.kind))
    if resource is None or request.get("CrossAccountFilterOption") == "CrossAccount":
        # Nothing is shared between accounts by resource catalogs here.
        return {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}
    page = index.search(
        call.records,
        resource,
        condition,
        sort=sort,
        descending=request.get("SortOrder", "Descending") == "Descending",
        limit=request.get("MaxResults", PAGE),
        token=request.get("NextToken"),
    )
    answer: Document = {
        "Results": [_shown(found, resource, record.doc) for record in page.records],
        "TotalHits": {"Value": page.total, "Relation": "EqualTo"},
    }
    if page.next_token is not None:
        answer["NextToken"] = page.next_token
    return answer


@operation("sagemaker", "GetSearchSuggestions")
def suggest(call: Call) -> Document:
    """Answer the hyperparameters, tags and metrics in use whose names begin as hinted."""
    resource = registry.load().get(("sagemaker", SEARCHABLE[call.request["Resource"]].kind))
    query = call.request.get("SuggestionQuery", {}).get("PropertyNameQuery", {})
    hint = str(query.get("PropertyNameHint", ""))
    # A hint may stop within the first word, which all such names share, or go on behind it.
    beginnings = [hint if len(hint) > len(head) else head for head in _SUGGESTED if _agree(head, hint)]
    names = index.suggest(call.records, resource, beginnings) if resource and beginnings else []
    return {"PropertyNameSuggestions": [{"PropertyName": name} for name in names]}


def _agree(head: str, hint: str) -> bool:
    shorter = min(len(head), len(hint))
    return head[:shorter].lower() == hint[:shorter].lower()


def _condition(grammar: Grammar, request: Document) -> Condition | None:
    parts = []
    if "SearchExpression" in request:
        parts.append(grammar.condition(request["SearchExpression"]))
    if visible := request.get("VisibilityConditions"):
        filters = [{"Name": one.get("Key", ""), "Value": one.get("Value", "")} for one in visible]
        parts.append(grammar.condition({"Filters": filters}))
    return All(tuple(parts)) if parts else None


def _shown(found: Searchable, resource: Resource, doc: Document) -> Document:
    """Return the record as the SearchRecord shows it."""
    if not found.member:
        return {}
    for path, value in resource.answers.items():
        doc = filled(doc, path, value)
    shown = project(_properties(found), doc)
    return {found.member: {found.within: shown} if found.within else shown}


@cache
def _properties(found: Searchable) -> StructureShape:
    """Return the shape that says which properties a resource type has."""
    model = models.service("sagemaker")
    shape: Shape | None
    if found.member:
        shape = members(model.shape_for("SearchRecord"))[found.member]
        if found.within:
            shape = members(shape)[found.within]
    else:
        shape = model.operation_model(f"Describe{found.kind}").output_shape
    if not isinstance(shape, StructureShape):
        raise TypeError(f"{found.kind} has no members to search by")
    return shape
