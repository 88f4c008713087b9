"""Every permission a call needs: its action on each resource, tagging, and every role it passes on."""

from __future__ import annotations

from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.core.principal import Principal
from clary.operations.permissions import awslambda, events, iam, logs, s3, sns, sqs, tagging
from clary.operations.permissions.asked import context
from clary.operations.permissions.named import Said, resources
from clary.operations.permissions.need import Need
from clary.operations.permissions.places import Place, values
from clary.operations.permissions.plan import Plan, plan_of
from clary.store.records import Records

_BY_DEFAULT = ("events", "scheduler")  # Services of which requests leave out what is meant by default.


def needs(
    service: str, operation: str, request: Document, principal: Principal, records: Records
) -> list[Need]:
    """Return every permission a call needs, its own action on what it is about first."""
    if service == "s3":
        return s3.needs(operation, request, records)
    if service == "lambda":
        return awslambda.needs(operation, request, records)
    if service == "sqs":
        return sqs.needs(operation, request, records)
    if service == "sns" and (own := sns.needs(operation, request, records)) is not None:
        return own
    if (service, operation) in iam.FREE or (service == "sts" and operation == "AssumeRole"):
        return []  # AssumeRole is decided by its operation, which knows the role's trust policy
    plan = plan_of(service, operation)
    found = list(values(plan.root, request))
    asked = context(plan, found, request, records)
    own_on = events.resources(service, operation, request, records) if service in _BY_DEFAULT else []
    on = own_on or resources(plan, found, records, _own_way(plan, request, principal, records))
    wanted = [Need(plan.action, resource, asked) for resource in on]
    if plan.tagging and (request.get("Tags") or request.get("tags")):
        wanted.append(Need(plan.tagging, on[0], {**asked, "sagemaker:taggingaction": (operation,)}))
    if plan.prefix == "tag":
        wanted += tagging.needs(operation, request)
    return wanted + _passed(plan, found, on[0])


def _own_way(plan: Plan, request: Document, principal: Principal, records: Records) -> Said:
    """Return what the requests of a service spell in a way of its own."""
    if plan.prefix == "logs":
        return logs.said(request)
    return iam.said(plan.operation, request, principal, records) if plan.prefix == "iam" else {}


def _passed(plan: Plan, found: list[tuple[Place, object]], resource: str) -> list[Need]:
    """Return a need for each role that a request hands over; IAM and STS speak of roles, they pass none."""
    if plan.prefix in ("iam", "sts", "tag"):
        return []
    roles = dict.fromkeys(str(value) for place, value in found if place.passing and parse_arn(str(value)))
    service = f"{plan.prefix}.amazonaws.com"
    passing = {"iam:passedtoservice": (service,), "iam:associatedresourcearn": (resource,)}
    return [Need("iam:PassRole", role, passing) for role in roles]
