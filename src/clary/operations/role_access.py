"""May the role a request hands over do what the server will do in its name?

Jobs and endpoints read and write with their role's rights, not their caller's, and never with the server's
own: otherwise whoever may pass a weak role could read everything through it.
"""

from __future__ import annotations

from clary.core.errors import ValidationError
from clary.engines.policy import Policies, Request, evaluate, parse
from clary.operations.authorise import caller_of, refusal
from clary.operations.iam.grants import find_holder, grants_of
from clary.operations.permissions.context import of_caller
from clary.operations.permissions.need import Need
from clary.operations.permissions.s3 import bucket_of
from clary.operations.registry import Call
from clary.store.credentials import session_principal

SESSION_NAME = "SageMaker"


def check(call: Call, role_arn: str, action: str, resource: str, prefix: str | None = None) -> None:
    """Raise ValidationError unless role and bucket policy allow one action on one S3 resource."""
    role = find_holder(call.records, role_arn)
    if role is None:
        raise ValidationError(f"The role {role_arn} does not exist.")
    principal = session_principal(role, SESSION_NAME)
    found = grants_of(call.records, role)
    context = {**of_caller(principal, call.clock.now()), "aws:requestedregion": (call.region,)}
    if prefix is not None:
        context["s3:prefix"] = (prefix,)
    bucket = call.objects.find_bucket(bucket_of(resource))
    text = bucket.settings.get("Policy") if bucket is not None else None
    policies = Policies(
        identity=found.identity,
        boundary=found.boundary,
        resource=() if text is None else (parse(text, "resource", source="resource"),),
        foreign=bucket is not None and bucket.account != role.account,
    )
    request = Request(action=action, resource=resource, caller=caller_of(principal), context=context)
    decision = evaluate(policies, request)
    if not decision.allowed:
        raise ValidationError(refusal(principal, Need(action, resource), decision))
