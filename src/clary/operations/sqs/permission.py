"""AddPermission and RemovePermission, of SQS and of SNS: statements of a policy, by their label."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from clary.core.document import Document
from clary.engines.sqs.attributes import invalid, unfit
from clary.operations.permissions.on_resource import POLICY
from clary.operations.registry import Call, operation
from clary.operations.sqs.queues import queue_of
from clary.store.record import Record

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ACCOUNT = re.compile(r"\d{12}")


@operation("sqs", "AddPermission")
def add(call: Call) -> None:
    """Let accounts do something with a queue."""
    request = call.request
    with call.records.database.write():
        add_to(call, queue_of(call), "SQS", request["AWSAccountIds"], request["Actions"])


@operation("sqs", "RemovePermission")
def remove(call: Call) -> None:
    """Take back what a label allowed."""
    with call.records.database.write():
        remove_from(call, queue_of(call))


def add_to(call: Call, record: Record, prefix: str, accounts: Sequence[str], actions: Sequence[str]) -> None:
    """Add a statement to a record's policy under the request's label."""
    label, policy = call.request["Label"], _policy_of(record)
    if not _LABEL.fullmatch(label):
        raise unfit("Label", label, "it must be 1 to 80 letters, digits, hyphens and underscores")
    if any(statement.get("Sid") == label for statement in policy["Statement"]):
        raise unfit("Label", label, "Already exists")
    for account in accounts:
        if not _ACCOUNT.fullmatch(account):
            raise unfit("PrincipalId", account, "Unable to verify: it must be an account's twelve digits")
    if not accounts or not actions:
        raise invalid("The request must name at least one account and one action.")
    for action in actions:
        if not re.fullmatch(r"\*|[A-Za-z]{1,64}", action):
            raise unfit("ActionName", action, "it must be the name of an action, or *")
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]},
        "Action": [f"{prefix}:{action}" for action in actions],
        "Resource": record.arn,
    }
    text = json.dumps({**policy, "Statement": [*policy["Statement"], statement]})
    call.records.update(record, {POLICY: text})


def remove_from(call: Call, record: Record) -> None:
    """Take the statement of the request's label out of a record's policy."""
    label, policy = call.request["Label"], _policy_of(record)
    kept = [statement for statement in policy["Statement"] if statement.get("Sid") != label]
    if len(kept) == len(policy["Statement"]):
        raise unfit("Label", label, "can't find label on existing policy")
    if kept:
        call.records.update(record, {POLICY: json.dumps({**policy, "Statement": kept})})
    else:
        call.records.update(record, {}, remove=[POLICY])


def _policy_of(record: Record) -> Document:
    text = record.doc.get(POLICY)
    if text is None:
        return {"Version": "2012-10-17", "Id": f"{record.arn}/SQSDefaultPolicy", "Statement": []}
    policy: Document = json.loads(text)
    found = policy["Statement"]
    return {**policy, "Statement": found if isinstance(found, list) else [found]}
