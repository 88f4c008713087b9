"""Managed policies: the customer's own, and AWS's read-only ones."""

from __future__ import annotations

from collections import Counter

from clary.core import ids
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.iam.answers import absent, conflict, mine, page, refuse_twin
from clary.operations.iam.attached_policy import path_of, sorted_by
from clary.operations.iam.documents import checked_size
from clary.operations.iam.grants import ATTACHED, VERSIONS, find_managed, holders
from clary.operations.iam.managed import MANAGED, PREFIX, Managed
from clary.operations.registry import Call, operation
from clary.resources.iam.policy import POLICY
from clary.store.records import Record

_SHOWN = ("PolicyName", "PolicyId", "Arn", "Path", "DefaultVersionId", "CreateDate", "UpdateDate")


@operation("iam", "CreatePolicy")
def create_policy(call: Call) -> Document:
    """Create a customer managed policy with its first version."""
    records, request, now = mine(call), call.request, call.clock.now().replace(microsecond=0)
    document = checked_size(request["PolicyDocument"])
    doc: Document = {
        "PolicyName": request["PolicyName"],
        "PolicyId": ids.identity_id("ANPA"),
        "Path": request.get("Path", "/"),
        "DefaultVersionId": "v1",
        "CreateDate": now,
        "UpdateDate": now,
        VERSIONS: [{"VersionId": "v1", "Document": document, "CreateDate": now}],
    }
    for name in ("Description", "Tags"):
        if request.get(name):
            doc[name] = request[name]
    doc["Arn"] = records.arn(POLICY, doc)
    with records.database.write():
        refuse_twin(records, POLICY, doc)
        return {"Policy": shown(records.create(POLICY, doc), Counter())}


@operation("iam", "GetPolicy")
def get_policy(call: Call) -> Document:
    """Describe a managed policy; its document is GetPolicyVersion's."""
    arn, attached = call.request["PolicyArn"], attachments(call)
    if arn in MANAGED:
        return {"Policy": shown_managed(MANAGED[arn], attached)}
    record = own(call)
    extra = {name: record.doc[name] for name in ("Description", "Tags") if record.doc.get(name)}
    return {"Policy": {**shown(record, attached), **extra}}


@operation("iam", "ListPolicies")
def list_policies(call: Call) -> Document:
    """List managed policies of AWS, of the account, or both."""
    request, attached = call.request, attachments(call)
    scope, prefix = request.get("Scope", "All"), request.get("PathPrefix", "/")
    found: list[Document] = []
    if scope in ("All", "AWS"):
        found += [shown_managed(policy, attached) for policy in MANAGED.values()]
    if scope in ("All", "Local"):
        found += [shown(record, attached) for record in mine(call).each(POLICY)]
    kept = [
        (sorted_by(item["Arn"]), item)
        for item in found
        if path_of(item["Arn"]).startswith(prefix)
        and (item["AttachmentCount"] or not request.get("OnlyAttached"))
        and (
            item["PermissionsBoundaryUsageCount"] or request.get("PolicyUsageFilter") != "PermissionsBoundary"
        )
    ]
    return page(call, "Policies", kept)


@operation("iam", "DeletePolicy")
def delete_policy(call: Call) -> None:
    """Delete a policy nobody uses, with its last version."""
    records = mine(call)
    refuse_managed(call)
    with records.database.write():
        record = own(call)
        attached = attachments(call)
        if attached[record.arn] or attached[_bounding(record.arn)]:
            raise conflict("Cannot delete a policy attached to entities.")
        if len(record.doc[VERSIONS]) > 1:
            raise conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the "
                "policy's versions. The default version is deleted with the policy."
            )
        records.delete(record)


def own(call: Call) -> Record:
    """Return the customer managed policy a request names."""
    record = find_managed(mine(call), call.request["PolicyArn"])
    if record is None or record.account != call.account:
        raise absent(f"Policy {call.request['PolicyArn']} was not found.")
    return record


def refuse_managed(call: Call) -> None:
    """Raise AccessDenied when a request would change one of AWS's own policies."""
    arn = call.request["PolicyArn"]
    if arn.startswith(PREFIX):
        raise ApiError(f"Policy {arn} is AWS's own and cannot be changed.", code="AccessDenied", status=403)


def attachments(call: Call) -> Counter[str]:
    """Count how often each policy is attached, and how often it is a boundary."""
    counts: Counter[str] = Counter()
    for holder in holders(call.records, call.account):
        counts.update(holder.doc.get(ATTACHED, ()))
        if bound := holder.doc.get("PermissionsBoundary"):
            counts[_bounding(bound["PermissionsBoundaryArn"])] += 1
    return counts


def _bounding(arn: str) -> str:
    return f"boundary {arn}"


def shown(record: Record, attached: Counter[str]) -> Document:
    """Return what IAM tells of a customer managed policy."""
    return {
        **{name: record.doc[name] for name in _SHOWN},
        "AttachmentCount": attached[record.arn],
        "PermissionsBoundaryUsageCount": attached[_bounding(record.arn)],
        "IsAttachable": True,
    }


def shown_managed(policy: Managed, attached: Counter[str]) -> Document:
    """Return what IAM tells of one of AWS's own policies."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": "v1",
        "AttachmentCount": attached[policy.arn],
        "PermissionsBoundaryUsageCount": attached[_bounding(policy.arn)],
        "IsAttachable": True,
        "CreateDate": policy.since,
        "UpdateDate": policy.since,
    }
