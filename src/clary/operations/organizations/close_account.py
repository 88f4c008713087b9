"""CloseAccount: what an account holds goes for good, so a full account must be marked for it.

Where this differs from AWS: evidence/closing-an-account.md.
"""

from __future__ import annotations

from clary.core.errors import ApiError
from clary.core.tags import tags_of
from clary.operations.organizations.holdings import destroy, held
from clary.operations.organizations.organization import named, require_management
from clary.operations.registry import Call, operation

CLOSE_TAG = "clary:on-close"
"""Tag of an account; with the value `destroy`, CloseAccount destroys what the account still holds."""
_NAMED = 12  # Kinds that a refusal names; more would not be read.


@operation("organizations", "CloseAccount")
def close_account(call: Call) -> None:
    """Close a member account: its keys and sessions end at once, its number is never given again."""
    require_management(call)
    account = named(call)
    if account.name == call.settings.account:
        raise ApiError(
            "The management account cannot be closed.", code="ConstraintViolationException", status=400
        )
    if account.status == "SUSPENDED":
        raise ApiError(
            f"The account {account.name} is closed already.", code="AccountAlreadyClosedException", status=400
        )
    tags = tags_of(account.doc.get("Tags"))
    found = held(call, account.name)
    if found and account.status == "ACTIVE" and tags.get(CLOSE_TAG) != "destroy":
        words = [f"{count} {kind}" for kind, count in sorted(found.items())]
        more = f" and {len(words) - _NAMED} other kinds" if len(words) > _NAMED else ""
        raise ApiError(
            f"The account {account.name} still holds {', '.join(words[:_NAMED])}{more}. Delete them, or tag "
            f"the account {CLOSE_TAG}=destroy to have them destroyed with it.",
            code="ConflictException",
            status=409,
        )
    mine = call.records.scoped(account.name, "")
    account = mine.update(account, {"Status": "PENDING_CLOSURE"})
    destroy(call, account.name)
    mine.update(account, {"Status": "SUSPENDED"})
