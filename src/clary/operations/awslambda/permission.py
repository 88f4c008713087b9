"""Who else may call a function: statements of its policy, by their id."""

from __future__ import annotations

import json
import re

from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.awslambda.functions import check_revision, function_of, invalid
from clary.operations.permissions.on_resource import POLICY
from clary.operations.registry import Call, operation
from clary.store.record import Record

MOST = 20_480  # bytes of a function's policy
_ABSENT = {
    "EventSourceToken": "it is for Alexa's skills",
    "FunctionUrlAuthType": "functions have no URLs here",
    "InvokedViaFunctionUrl": "functions have no URLs here",
}


@operation("lambda", "AddPermission")
def add(call: Call) -> Document:
    """Let somebody call a function: a service, an account, or whom an ARN names."""
    for member, why in _ABSENT.items():
        if call.request.get(member):
            raise invalid(f"{member} is not supported by Clary: {why}. Leave it out.")
    with call.records.database.write():
        function = function_of(call)
        check_revision(call, function)
        policy, statement = _policy_of(function), _statement(call, function)
        if any(each["Sid"] == statement["Sid"] for each in policy["Statement"]):
            raise ApiError(
                f"The statement id ({statement['Sid']}) provided already exists. Please provide a new "
                "statement id, or remove the existing statement.",
                code="ResourceConflictException",
                status=409,
                members={"Type": "User"},
            )
        text = json.dumps({**policy, "Statement": [*policy["Statement"], statement]}, separators=(",", ":"))
        if len(text.encode()) > MOST:
            raise ApiError(
                f"The final policy size ({len(text.encode())}) is bigger than the limit ({MOST}).",
                code="PolicyLengthExceededException",
                status=400,
            )
        call.records.update(function, {POLICY: text})
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


@operation("lambda", "RemovePermission")
def remove(call: Call) -> None:
    """Take a statement back."""
    with call.records.database.write():
        function = function_of(call)
        check_revision(call, function)
        policy, wanted = _policy_of(function), call.request["StatementId"]
        kept = [each for each in policy["Statement"] if each["Sid"] != wanted]
        if len(kept) == len(policy["Statement"]):
            raise _nothing(f"Statement {wanted} is not found in resource policy.")
        if kept:
            call.records.update(function, {POLICY: json.dumps({**policy, "Statement": kept})})
        else:
            call.records.update(function, {}, remove=[POLICY])


@operation("lambda", "GetPolicy")
def get(call: Call) -> Document:
    """Answer a function's policy."""
    function = function_of(call)
    if POLICY not in function.doc:
        raise _nothing("The resource you requested does not exist.")
    return {"Policy": function.doc[POLICY], "RevisionId": function.doc["RevisionId"]}


def _statement(call: Call, function: Record) -> Document:
    request, conditions = call.request, {}
    if not re.fullmatch(r"lambda:[A-Za-z*]+|\*", request["Action"]):
        raise invalid(f"The action {request['Action']!r} is none of Lambda's.")
    if source := request.get("SourceArn"):
        conditions["ArnLike"] = {"AWS:SourceArn": source}
    equal = {"AWS:SourceAccount": "SourceAccount", "aws:PrincipalOrgID": "PrincipalOrgID"}
    if asked := {key: request[member] for key, member in equal.items() if request.get(member)}:
        conditions["StringEquals"] = asked
    statement: Document = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(request["Principal"]),
        "Action": request["Action"],
        "Resource": function.arn,
    }
    return {**statement, "Condition": conditions} if conditions else statement


def _principal(text: str) -> object:
    if text == "*":
        return "*"
    if re.fullmatch(r"\d{12}", text):
        return {"AWS": f"arn:aws:iam::{text}:root"}
    arn = parse_arn(text)
    if arn is not None and arn.service in ("iam", "sts"):
        return {"AWS": text}
    if re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?", text):
        return {"Service": text}
    raise invalid("The provided principal was invalid. Please check the principal and try again.")


def _policy_of(function: Record) -> Document:
    text = function.doc.get(POLICY)
    if text is None:
        return {"Version": "2012-10-17", "Id": "default", "Statement": []}
    policy: Document = json.loads(text)
    return policy


def _nothing(message: str) -> ApiError:
    return ApiError(message, code="ResourceNotFoundException", status=404, members={"Type": "User"})
