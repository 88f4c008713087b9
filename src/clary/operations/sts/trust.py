"""Whom a role trusts: asked by AssumeRole, and before a service takes a role on a user's behalf."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clary.core.arn import parse as parse_arn
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


def trusts(records: Records, role_arn: str, service: str, source_arn: str = "") -> bool:
    """Say whether a role exists and lets a service of the records' account in, for what it acts for."""
    role = find_role(records, role_arn)
    context = {
        "aws:sourceaccount": (records.account,),
        "aws:principalisawsservice": ("true",),
        "aws:principalservicename": (service,),
    }
    if source_arn:
        context["aws:sourcearn"] = (source_arn,)
    return role is not None and decide(role, Caller(service=service), "sts:AssumeRole", context).allowed


def trusting(records: Records) -> Callable[[str, str, str], bool]:
    """Return what says whether a role lets a service in: (role ARN, service, ARN of who it acts for)."""

    def trusted(role: str, service: str, source: str) -> bool:
        of = parse_arn(source)
        return of is not None and trusts(records.scoped(of.account, of.region), role, service, source)

    return trusted


def check_service_role(
    records: Records, role_arn: str, source_arn: str = "", service: str = SAGEMAKER
) -> None:
    """Raise ValidationError, as SageMaker words it, unless a role exists and trusts the service."""
    if not trusts(records, role_arn, service, source_arn):
        raise ValidationError(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
            f"'{service}' to assume the role."
        )
