"""GetAccountAuthorizationDetails: users, groups, roles and policies with all they grant, in one listing."""

from __future__ import annotations

from collections.abc import Iterator

from clary.core.document import Document
from clary.operations.iam import attached_policy, group, instance_profile, policy, policy_version, role, user
from clary.operations.iam.answers import marked, mine
from clary.operations.iam.documents import encoded
from clary.operations.iam.grants import ATTACHED, GROUPS, INLINE, VERSIONS
from clary.operations.iam.managed import MANAGED
from clary.operations.registry import Call, operation
from clary.resources.iam.group import GROUP
from clary.resources.iam.policy import POLICY
from clary.resources.iam.role import ROLE
from clary.resources.iam.user import USER
from clary.store.records import Record

_MEMBERS = {
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "Role": "RoleDetailList",
    "LocalManagedPolicy": "Policies",
    "AWSManagedPolicy": "Policies",
}


@operation("iam", "GetAccountAuthorizationDetails")
def get_account_authorization_details(call: Call) -> Document:
    """Answer one page of everything that says who may do what."""
    wanted = call.request.get("Filter") or list(_MEMBERS)
    items = [(f"{word} {key}", (word, item)) for word in wanted for key, item in _DETAILS[word](call)]
    found, marker = marked(call, items)
    answer: Document = {member: [] for member in _MEMBERS.values()}
    for word, item in found:
        answer[_MEMBERS[word]].append(item)
    answer["IsTruncated"] = marker is not None
    if marker is not None:
        answer["Marker"] = marker
    return answer


def _users(call: Call) -> Iterator[tuple[str, Document]]:
    for one in mine(call).each(USER):
        yield one.name, {**user.shown(one.doc), "GroupList": one.doc.get(GROUPS, []), **_held(one)}


def _groups(call: Call) -> Iterator[tuple[str, Document]]:
    for one in mine(call).each(GROUP):
        yield one.name, {**group.shown(one), **_held(one)}


def _roles(call: Call) -> Iterator[tuple[str, Document]]:
    records = mine(call)
    for one in records.each(ROLE):
        profiles = [
            instance_profile.shown(records, profile) for profile in instance_profile.around(records, one.name)
        ]
        yield one.name, {**role.shown(one), "InstanceProfileList": profiles, **_held(one)}


def _policies(call: Call) -> Iterator[tuple[str, Document]]:
    attached = policy.attachments(call)
    for one in mine(call).each(POLICY):
        versions = [
            {**policy_version.shown(one, version), "Document": encoded(version["Document"])}
            for version in one.doc[VERSIONS]
        ]
        yield one.name, {**policy.shown(one, attached), "PolicyVersionList": versions}


def _aws_policies(call: Call) -> Iterator[tuple[str, Document]]:
    """Yield AWS's own policies that are in use."""
    attached = policy.attachments(call)
    for arn, one in MANAGED.items():
        if attached[arn]:
            version = {**policy_version.only(one), "Document": encoded(one.document)}
            yield one.name, {**policy.shown_managed(one, attached), "PolicyVersionList": [version]}


def _held(holder: Record) -> Document:
    inline = holder.doc.get(INLINE, {})
    return {
        f"{holder.kind}PolicyList": [
            {"PolicyName": name, "PolicyDocument": encoded(text)} for name, text in inline.items()
        ],
        "AttachedManagedPolicies": [attached_policy.shown(arn) for arn in holder.doc.get(ATTACHED, ())],
    }


_DETAILS = {
    "User": _users,
    "Group": _groups,
    "Role": _roles,
    "LocalManagedPolicy": _policies,
    "AWSManagedPolicy": _aws_policies,
}
