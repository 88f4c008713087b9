"""Would it be allowed? SimulatePrincipalPolicy and SimulateCustomPolicy ask the same evaluator as every call.

One result an action. With ResourceArns the top of a result is the most restrictive of the decisions on each
resource, and ResourceSpecificResults has them all: evidence/iam-simulation-shape.md.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from clary.core.document import Document
from clary.core.errors import NotBuilt
from clary.engines.policy import Caller, Decision, Malformed, Policies, Policy, Request, evaluate, parse
from clary.engines.policy.evaluate import keys_of, speaks_of
from clary.engines.policy.parse import Kind
from clary.engines.policy.pattern import Context
from clary.operations.iam.answers import PAGE, absent, invalid
from clary.operations.iam.grants import find_holder, grants_of
from clary.operations.registry import Call, operation
from clary.store.records import Record

_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9_.-]+")
Item = TypeVar("Item")
_SEVERITY = ("allowed", "implicitDeny", "explicitDeny")


@dataclass(frozen=True)
class Simulation:
    """Everything but the action and the resource."""

    policies: Policies
    caller: Caller
    context: Context


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(call: Call) -> Document:
    """Simulate with the policies a user, group or role has, and those given with the request."""
    holder = source(call)
    found = grants_of(call.records, holder)
    excluded = call.request.get("PolicyExclusionList", ())
    if excluded:
        raise NotBuilt("SimulatePrincipalPolicy with PolicyExclusionList")
    return _answer(call, holder.arn, found.identity, found.boundary, holder)


@operation("iam", "SimulateCustomPolicy")
def simulate_custom_policy(call: Call) -> Document:
    """Simulate with the policies given and nothing else."""
    if call.request.get("OrderedOrganizationPolicyInputList"):
        raise NotBuilt("SimulateCustomPolicy with OrderedOrganizationPolicyInputList")
    return _answer(call, call.request.get("CallerArn", ""), (), None, None)


def source(call: Call) -> Record:
    """Return the user, group or role of this account whose policies a request is about."""
    arn = call.request["PolicySourceArn"]
    if not re.fullmatch(r"arn:[\w-]+:iam::\d{12}:(user|role|group)/.+", arn):
        raise invalid(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    holder = find_holder(call.records, arn)
    if holder is None or holder.account != call.account:
        raise absent(f"The entity {arn} cannot be found.")
    return holder


def given(text: str, name: str, kind: Kind = "identity") -> Policy:
    """Read a policy that came with a request; `name` is where it stood."""
    try:
        return parse(text, kind, name=name, source="resource" if kind == "resource" else "none")
    except Malformed as error:
        raise invalid(f"{name}: {error}") from error


def _answer(
    call: Call,
    arn: str,
    identity: Sequence[Policy],
    boundary: Sequence[Policy] | None,
    holder: Record | None,
) -> Document:
    request = call.request
    inputs = [
        given(text, f"PolicyInputList.{n}") for n, text in enumerate(request.get("PolicyInputList", ()), 1)
    ]
    bounds = [
        given(text, "PermissionsBoundary") for text in request.get("PermissionsBoundaryPolicyInputList", ())
    ]
    texts = [request["ResourcePolicy"]] if "ResourcePolicy" in request else []
    caller = _caller(call, request.get("CallerArn", arn))
    owner = _account(request.get("ResourceOwner", caller.account))
    simulation = Simulation(
        policies=Policies(
            identity=(*identity, *inputs),
            boundary=bounds or boundary,
            resource=[given(text, "ResourcePolicy", "resource") for text in texts],
            foreign=owner != caller.account,
        ),
        caller=caller,
        context=_context(call, caller, holder),
    )
    names = list(dict.fromkeys(request["ActionNames"]))
    for name in names:
        if not _ACTION.fullmatch(name):
            raise invalid(
                f"Invalid Action Name: {name} must be a service and an action, such as s3:GetObject."
            )
    start = _start(request)
    size = request.get("MaxItems", PAGE)
    answer: Document = {
        "EvaluationResults": [_result(simulation, name, request) for name in names[start : start + size]],
        "IsTruncated": start + size < len(names),
    }
    if answer["IsTruncated"]:
        answer["Marker"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return answer


def _result(simulation: Simulation, action: str, request: Document) -> Document:
    resources = request.get("ResourceArns") or ["*"]
    specific = [_on_resource(simulation, action, resource) for resource in resources]
    worst = max(specific, key=lambda item: _SEVERITY.index(item["EvalResourceDecision"]))
    result: Document = {
        "EvalActionName": action,
        "EvalResourceName": resources[0] if len(resources) == 1 else "*",
        "EvalDecision": worst["EvalResourceDecision"],
        "MatchedStatements": _union(item["MatchedStatements"] for item in specific),
        "MissingContextValues": _union(item["MissingContextValues"] for item in specific),
    }
    if "PermissionsBoundaryDecisionDetail" in worst:
        result["PermissionsBoundaryDecisionDetail"] = worst["PermissionsBoundaryDecisionDetail"]
    if resources != ["*"]:
        result["ResourceSpecificResults"] = specific
    return result


def _on_resource(simulation: Simulation, action: str, resource: str) -> Document:
    asked = Request(action=action, resource=resource, caller=simulation.caller, context=simulation.context)
    decision = evaluate(simulation.policies, asked)
    result: Document = {
        "EvalResourceName": resource,
        "EvalResourceDecision": decision.outcome,
        "MatchedStatements": _matched(decision),
        "MissingContextValues": _missing(simulation, action),
    }
    if simulation.policies.boundary is not None:
        alone = evaluate(Policies(identity=simulation.policies.boundary), asked)
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": alone.allowed}
    return result


def _matched(decision: Decision) -> list[Document]:
    return _union(
        [{"SourcePolicyId": match.policy.name, "SourcePolicyType": match.policy.source}]
        for match in decision.matched
    )


def _missing(simulation: Simulation, action: str) -> list[str]:
    """Name the condition keys that the action's statements ask about and nobody supplied."""
    policies = simulation.policies
    keys: list[str] = []
    for policy in (*policies.identity, *policies.resource, *(policies.boundary or ())):
        for statement in policy.statements:
            if speaks_of(statement, action):
                keys += keys_of(statement)
    return [key for key in dict.fromkeys(keys) if key not in simulation.context]


def _union(lists: Iterable[Sequence[Item]]) -> list[Item]:
    found: list[Item] = []
    for items in lists:
        found += [item for item in items if item not in found]
    return found


def _caller(call: Call, arn: str) -> Caller:
    if not arn:
        return Caller(account=call.account)
    return Caller(account=_account(arn), arn=arn, grants=arn)


def _account(text: str) -> str:
    """Return the account in an ARN, or the account number that it is."""
    parts = text.split(":")
    return parts[4] if len(parts) > 4 else text


def _context(call: Call, caller: Caller, holder: Record | None) -> Context:
    """Return the given entries over what a call of this principal would have of itself."""
    now = call.clock.now()
    context: dict[str, tuple[str, ...]] = {
        "aws:principalaccount": (caller.account,),
        "aws:currenttime": (now.isoformat(timespec="seconds"),),
        "aws:epochtime": (str(int(now.timestamp())),),
    }
    if caller.arn:
        context["aws:principalarn"] = (caller.arn,)
    if ":user/" in caller.arn:
        context["aws:username"] = (caller.arn.rsplit("/", 1)[-1],)
    for tag in holder.doc.get("Tags", ()) if holder is not None else ():
        context[f"aws:principaltag/{tag['Key'].lower()}"] = (tag["Value"],)
    for entry in call.request.get("ContextEntries", ()):
        if "ContextKeyName" in entry:
            context[entry["ContextKeyName"].lower()] = tuple(entry.get("ContextKeyValues", ()))
    return context


def _start(request: Document) -> int:
    if "Marker" not in request:
        return 0
    try:
        return int(base64.b64decode(request["Marker"], altchars=b"-_", validate=True))
    except ValueError as error:
        raise invalid("Invalid Marker.") from error
