"""Resource catalogs: what other accounts offer. Nobody can offer anything here, so there are none."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations import crud
from clary.operations.computed_list import cut
from clary.operations.registry import Call, operation


@operation("sagemaker", "ListResourceCatalogs", level="stored")
def page(call: Call) -> Document:
    """Answer that there are none."""
    none: list[tuple[str, Document]] = []
    found, _ = cut(call, none, crud.page_size(call.request), call.request.get("NextToken"))
    return {"ResourceCatalogs": found}
