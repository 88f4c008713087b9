"""Accounts of this server. Each record lies in its own account, where it is found by the number alone."""

from clary.resources.registry import register
from clary.resources.spec import Resource

ACCOUNT = register(
    Resource(
        kind="Account",
        service="organizations",
        arn="account/{OrganizationId}/{AccountId}",
        identity=("AccountId",),
        status="Status",
        missing="AccountNotFoundException",
        missing_text="You specified an account that doesn't exist: {name}.",
        conflict="ConflictException",
        conflict_text="There is an account {name} already.",
    )
)
