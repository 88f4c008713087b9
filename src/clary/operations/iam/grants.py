"""Which policies a user or role has: inline, attached, its groups', and the boundary around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clary.core.document import Document
from clary.engines.policy import Policy, parse
from clary.operations.iam.managed import MANAGED
from clary.resources.iam.group import GROUP
from clary.resources.iam.policy import POLICY
from clary.resources.iam.role import ROLE
from clary.resources.iam.user import USER
from clary.store.records import Record, Records

INLINE = "_Inline"
"""Member of a user, role or group: inline documents by name."""
ATTACHED = "_Attached"
"""Member of a user, role or group: ARNs of attached managed policies, in the order of attachment."""
GROUPS = "_Groups"
"""Member of a user: names of its groups, in the order of joining."""
VERSIONS = "_Versions"
"""Member of a managed policy: its versions, oldest first."""
GRANTING = (USER, ROLE, GROUP, POLICY)
"""Kinds whose change may change what somebody may do."""
_KINDS = {"user": USER, "role": ROLE, "group": GROUP}


@dataclass(frozen=True)
class Grants:
    """The policies of one user or role; no boundary is None."""

    identity: tuple[Policy, ...] = ()
    boundary: tuple[Policy, ...] | None = None


def grants(records: Records, arn: str) -> Grants | None:
    """Return the policies of the user or role with that ARN, or None when there is no such one."""
    holder = find_holder(records, arn)
    return None if holder is None else grants_of(records, holder)


def find_holder(records: Records, arn: str) -> Record | None:
    """Return the user, role or group with that ARN."""
    parts = arn.split(":", 5)
    resource = _KINDS.get(parts[5].partition("/")[0]) if len(parts) == 6 else None
    if resource is None or not parts[4]:
        return None
    record = records.scoped(parts[4], "").find(resource, arn.rsplit("/", 1)[-1])
    return record if record is not None and record.arn == arn else None


def grants_of(records: Records, holder: Record) -> Grants:
    """Return the policies of a user, with those of its groups, of a role or of a group."""
    boundary = holder.doc.get("PermissionsBoundary")
    bound = None if boundary is None else managed(records, boundary["PermissionsBoundaryArn"])
    own = records.scoped(holder.account, "")
    groups = (own.find(GROUP, name) for name in holder.doc.get(GROUPS, ()))
    holding = (holder, *(group for group in groups if group is not None))
    return Grants(
        identity=tuple(policy for one in holding for policy in _held(records, one)),
        boundary=None if boundary is None else tuple(policy for policy in (bound,) if policy is not None),
    )


def managed(records: Records, arn: str) -> Policy | None:
    """Return a managed policy's default version, AWS's or the customer's; None when there is none."""
    if arn in MANAGED:
        return parse(MANAGED[arn].document, name=MANAGED[arn].name, source="aws-managed")
    record = find_managed(records, arn)
    if record is None:
        return None
    return parse(default_version(record)["Document"], name=record.name, source="user-managed")


def find_managed(records: Records, arn: str) -> Record | None:
    """Return a customer managed policy's record."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or not parts[4].isdigit():
        return None
    record = records.scoped(parts[4], "").find(POLICY, arn.rsplit("/", 1)[-1])
    return record if record is not None and record.arn == arn else None


def default_version(policy: Record) -> Document:
    """Return the version of a customer managed policy that counts."""
    wanted = policy.doc["DefaultVersionId"]
    version: Document = next(item for item in policy.doc[VERSIONS] if item["VersionId"] == wanted)
    return version


def holders(records: Records, account: str) -> Iterator[Record]:
    """Yield every user, role and group of an account."""
    scoped = records.scoped(account, "")
    for resource in _KINDS.values():
        yield from scoped.each(resource)


def _held(records: Records, holder: Record) -> Iterator[Policy]:
    source = holder.kind.lower()
    for name, text in holder.doc.get(INLINE, {}).items():
        yield parse(text, name=f"{source}_{holder.name}_{name}", source=source)
    for arn in holder.doc.get(ATTACHED, ()):
        policy = managed(records, arn)
        if policy is not None:
            yield policy
