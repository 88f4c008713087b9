"""The alias of an account; no two accounts have the same."""

from clary.resources.registry import register
from clary.resources.spec import Resource

ACCOUNT_ALIAS = register(
    Resource(
        kind="AccountAlias", service="iam", arn="account-alias/{AccountAlias}", identity=("AccountAlias",)
    )
)
