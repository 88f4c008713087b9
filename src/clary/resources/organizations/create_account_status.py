"""What became of each CreateAccount."""

from clary.resources.registry import register
from clary.resources.spec import Resource

CREATE_ACCOUNT_STATUS = register(
    Resource(
        kind="CreateAccountStatus",
        service="organizations",
        arn="create-account-status/{Id}",
        identity=("Id",),
        status="State",
        missing="CreateAccountStatusNotFoundException",
        missing_text="There is no create-account request {name}.",
    )
)
