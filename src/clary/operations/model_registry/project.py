"""What calls about projects decide: one that needs nothing provisioned is there, another has failed."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.registry import Call, completes, operation

_SEE = "Clary keeps projects but provisions nothing for them; see docs/reference/operations.md."
_PROVISIONED = (
    "ServiceCatalogProvisioningDetails",
    "TemplateProviders",
    "ServiceCatalogProvisioningUpdateDetails",
    "TemplateProvidersToUpdate",
)


@completes("sagemaker", "CreateProject")
def created(call: Call) -> Document:
    """Say how the creation went."""
    return _went(call, "Create")


@completes("sagemaker", "UpdateProject")
def updated(call: Call) -> Document:
    """Say how the update went."""
    return _went(call, "Update")


@operation("sagemaker", "GetSagemakerServicecatalogPortfolioStatus")
def portfolio(call: Call) -> Document:
    """Answer that there is no portfolio of templates."""
    return {"Status": "Disabled"}


@operation("sagemaker", "DisableSagemakerServicecatalogPortfolio")
def disable(call: Call) -> None:
    """Leave the portfolio as it is: it cannot be enabled."""


def _went(call: Call, what: str) -> Document:
    if not any(call.request.get(member) for member in _PROVISIONED):
        return {"ProjectStatus": f"{what}Completed"}
    details = {"ProvisionedProductStatusMessage": _SEE}
    return {"ProjectStatus": f"{what}Failed", "ServiceCatalogProvisionedProductDetails": details}
