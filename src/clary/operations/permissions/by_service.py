"""Whether a resource lets a service of AWS's act on it for another resource: its own policy says so."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from clary.core.arn import parse as parse_arn
from clary.engines.policy import Caller, Malformed, Policies, Policy, Request, evaluate, parse
from clary.operations.permissions.on_resource import POLICY
from clary.resources.logs.resource_policy import RESOURCE_POLICY
from clary.store.record import Record
from clary.store.records import Records


def letting_in(records: Records) -> Callable[[str, str, str, str], bool | None]:
    """Return what says whether a resource lets a service in, None where it is not there.

    It is asked (resource ARN, action, service, ARN of who the service acts for). Log groups are spoken for by
    the resource policies of their account.
    """

    def lets(resource: str, action: str, service: str, source: str) -> bool | None:
        arn = parse_arn(resource)
        if arn is not None and arn.service == "logs":
            stream = resource.removesuffix(":*") + ":log-stream:events"
            of_account = records.scoped(arn.account, arn.region).each(RESOURCE_POLICY)
            texts = (each.doc["policyDocument"] for each in of_account)
            return any(allows(text, stream, action, service, source) for text in texts)
        record = records.by_arn(resource)
        return None if record is None else lets_in(record, action, service, source)

    return lets


def lets_in(resource: Record, action: str, service: str, source: str) -> bool:
    """Say whether a record's policy allows a service an action in the name of `source`, an ARN."""
    return allows(resource.doc.get(POLICY) or "", resource.arn, action, service, source)


def allows(text: str, resource: str, action: str, service: str, source: str) -> bool:
    """Say whether a policy's text allows a service an action on a resource in the name of `source`."""
    policy = _policy(text)
    if policy is None:
        return False
    of = parse_arn(source)
    account = of.account if of else ""
    context = {
        "aws:sourcearn": (source,),
        "aws:sourceaccount": (account,),
        "aws:sourceowner": (account,),
        "aws:principalisawsservice": ("true",),
        "aws:principalservicename": (service,),
        "aws:viaawsservice": ("false",),
        "aws:securetransport": ("true",),
    }
    asked = Request(action=action, resource=resource, caller=Caller(service=service), context=context)
    return evaluate(Policies(resource=(policy,)), asked).allowed


@lru_cache(maxsize=1000)
def _policy(text: str) -> Policy | None:
    try:
        return parse(text, "own", source="resource") if text else None
    except Malformed:
        return None
