"""A rule's targets: put, taken away, listed."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.engines.events import targets
from clary.operations.computed_list import cut
from clary.operations.events.buses import bus_arn, check_role, limit, rule_of
from clary.operations.events.rule import TARGETS
from clary.operations.registry import Call, operation

MOST = 5  # targets of one rule: evidence/events.md
_PAGE = 100


@operation("events", "PutTargets")
def put(call: Call) -> Document:
    """Add targets to a rule, or put others in place of those of the same ids."""
    given = {target["Id"]: target for target in call.request["Targets"]}
    if len(given) < len(call.request["Targets"]):
        raise ValidationError("Two of the targets have one Id; each needs an Id of its own.")
    for target in given.values():
        if why := targets.fault(target, call.account, call.region):
            raise ValidationError(why)
    with call.records.database.write():
        record = rule_of(call, "Rule")
        for target in given.values():
            if target["Arn"] == bus_arn(call, record.doc["EventBusName"]):
                raise ValidationError(f"{target['Arn']} is the bus of the rule, so it cannot be its target.")
            if role := target.get("RoleArn"):
                check_role(call, role, record.arn)
        kept = {target["Id"]: target for target in record.doc[TARGETS]} | given
        if len(kept) > MOST:
            raise limit(f"Rule {record.name} would have {len(kept)} targets; a rule may have {MOST}.")
        call.records.update(record, {TARGETS: list(kept.values())})
    return {"FailedEntryCount": 0, "FailedEntries": []}


@operation("events", "RemoveTargets")
def remove(call: Call) -> Document:
    """Take targets away; one that is not there is told of."""
    with call.records.database.write():
        record = rule_of(call, "Rule")
        gone = set(call.request["Ids"])
        kept = [target for target in record.doc[TARGETS] if target["Id"] not in gone]
        absent = gone - {target["Id"] for target in record.doc[TARGETS]}
        call.records.update(record, {TARGETS: kept})
    failed = [_absent(id, record.name) for id in sorted(absent)]
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation("events", "ListTargetsByRule")
def page(call: Call) -> Document:
    """Answer a rule's targets by their ids."""
    record = rule_of(call, "Rule")
    found = ((target["Id"], target) for target in record.doc[TARGETS])
    told, more = cut(call, found, call.request.get("Limit", _PAGE), call.request.get("NextToken"))
    return {"Targets": told} | ({"NextToken": more} if more else {})


def _absent(id: str, rule: str) -> Document:
    words = f"Rule {rule} does not have a target with the Id {id}."
    return {"TargetId": id, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": words}
