"""Whom a role trusts: asked by AssumeRole, and before a service takes a role on a user's behalf."""

from __future__ import annotations

from collections.abc import Sequence

from clary.core.errors import ValidationError
from clary.engines.policy import Caller, Decision, Policies, Policy, Request, evaluate, parse
from clary.engines.policy.pattern import Context
from clary.operations.iam.grants import find_holder
from clary.resources.iam.role import ROLE
from clary.store.records import Record, Records

SAGEMAKER = "sagemaker.amazonaws.com"


def find_role(records: Records, arn: str) -> Record | None:
    """Return the role with that ARN, in whatever account."""
    found = find_holder(records, arn)
    return found if found is not None and found.kind == ROLE.kind else None


def decide(
    role: Record,
    caller: Caller,
    action: str,
    context: Context,
    *,
    identity: Sequence[Policy] = (),
    boundary: Sequence[Policy] | None = None,
    session: Sequence[Policy] | None = None,
) -> Decision:
    """Evaluate a role's trust policy, next to the caller's own policies."""
    policies = Policies(
        identity=identity,
        boundary=boundary,
        session=session,
        resource=(parse(role.doc["AssumeRolePolicyDocument"], "trust", name=role.name, source="resource"),),
        foreign=bool(caller.account) and caller.account != role.account,
        trust=True,
    )
    return evaluate(policies, Request(action=action, resource=role.arn, caller=caller, context=context))


def check_service_role(
    records: Records, role_arn: str, source_arn: str = "", service: str = SAGEMAKER
) -> None:
    """Raise ValidationError, as SageMaker words it, unless a role exists and trusts the service."""
    role = find_role(records, role_arn)
    context = {
        "aws:sourceaccount": (records.account,),
        "aws:principalisawsservice": ("true",),
        "aws:principalservicename": (service,),
    }
    if source_arn:
        context["aws:sourcearn"] = (source_arn,)
    if role is None or not decide(role, Caller(service=service), "sts:AssumeRole", context).allowed:
        raise ValidationError(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
            f"'{service}' to assume the role."
        )
