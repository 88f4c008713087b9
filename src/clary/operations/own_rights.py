"""May the caller itself see what the server would tell it of along with what it asked for?"""

from __future__ import annotations

from clary.engines.policy import Request, evaluate
from clary.operations.authorise import caller_of, session_policies
from clary.operations.iam.grants import Grants, grants
from clary.operations.permissions.context import of_caller
from clary.operations.permissions.known import Known
from clary.operations.permissions.need import Need
from clary.operations.permissions.on_resource import state
from clary.operations.registry import Call
from clary.store.record import Record


def may(call: Call, action: str, record: Record) -> bool:
    """Say whether the caller's own policies allow an action on a record of its own account."""
    principal = call.principal
    if record.account != principal.account:
        return False
    known = Known(
        grants(call.records, principal.grants) or Grants(), session_policies(call.records, principal)
    )
    context = {
        **of_caller(principal, call.clock.now()),
        "aws:requestedregion": (call.region,),
        "aws:resourceaccount": (record.account,),
        **state(Need(action, record.arn), call.records),
    }
    request = Request(action=action, resource=record.arn, caller=caller_of(principal), context=context)
    return evaluate(known.about(action).policies, request).allowed
