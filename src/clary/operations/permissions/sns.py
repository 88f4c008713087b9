"""SNS: who may do what with a subscription is decided by whose it is, which only its operation knows."""

from __future__ import annotations

from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.operations.permissions.need import Need
from clary.operations.permissions.table import actions_of
from clary.store.records import Records

_OWN = ("ConfirmSubscription", "GetSubscriptionAttributes", "SetSubscriptionAttributes", "Unsubscribe")


def needs(operation: str, request: Document, records: Records) -> list[Need] | None:
    """Return what a call needs that reaches into another account's topic by a right of its own; else None.

    A subscriber keeps its subscription in the topic's account, and confirms one by a token.
    """
    arn = parse_arn(str(request.get("SubscriptionArn") or request.get("TopicArn") or ""))
    if operation not in _OWN or arn is None or arn.account == records.account:
        return None
    return [Need(f"sns:{action}", "*") for action in actions_of("sns", operation)]
