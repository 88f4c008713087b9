"""What a resource itself says of a request: whose it is, its policy, its tags, its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from clary.core.arn import parse as parse_arn
from clary.core.tags import tags_of
from clary.engines.policy import Malformed, Policy, parse
from clary.operations.permissions.context import Values, of_tags
from clary.operations.permissions.need import Need
from clary.operations.permissions.plan import declarations
from clary.operations.permissions.s3 import bucket_of
from clary.operations.permissions.table import names, table
from clary.resources.organizations.account import ACCOUNT
from clary.resources.spec import Resource
from clary.store.records import Records

POLICY = "_ResourcePolicy"
"""The member in which a record of any kind keeps its policy's text."""


class Buckets(Protocol):
    """What buckets and their objects say."""

    def said(self, bucket: str, caller: str) -> tuple[str, str | None] | None:
        """Return a bucket's owner and what its policy says to an account; None when it is not there."""
        ...

    def tags(self, bucket: str, key: str, version: str | None) -> Mapping[str, str]:
        """Return the tags of an object, none of one that is not there."""
        ...


@dataclass(frozen=True)
class OnResource:
    """The resource's side of a decision; the owner is "" where nobody in particular owns it."""

    owner: str = ""
    policies: tuple[Policy, ...] = ()


_NOBODY = OnResource()


def of_bucket(need: Need, buckets: Buckets, caller: str) -> OnResource:
    """Return what the bucket of an S3 need says."""
    if need.resource == "*" or need.action == "s3:CreateBucket":
        return _NOBODY  # whose the name is already, is for the operation to say
    found = buckets.said(bucket_of(need.resource), caller)
    return _NOBODY if found is None else _said(*found)


def of_record(need: Need, records: Records, caller: str) -> OnResource:
    """Return what the record of an ARN says, or the record that it lies in.

    Accounts that this server does not have (AWS's own, of public workteams and the like) keep nothing here
    that a caller could reach.
    """
    arn = parse_arn(need.resource)
    if arn is None or not arn.account.isdigit():
        return _NOBODY
    holder = _holder(need.resource)
    record = records.by_arn(holder) if holder else None
    if record is not None:
        return _said(record.account, record.doc.get(POLICY))
    if arn.account != caller and not _here(arn.account, need.resource, records):
        return _NOBODY
    return OnResource(arn.account)


def of_object(need: Need, buckets: Buckets) -> Values:
    """Return what conditions may ask about an object that is there: its tags."""
    bucket, _, key = need.resource.removeprefix("arn:aws:s3:::").partition("/")
    version = need.context.get("s3:versionid", ())
    tags = buckets.tags(bucket, key, version[0] if version else None) if key else {}
    return {f"s3:existingobjecttag/{name.lower()}": (value,) for name, value in tags.items()}


def state(need: Need, records: Records) -> Values:
    """Return what conditions may ask about a resource that is there: its tags, and some of its members."""
    record = None if need.resource == "*" or need.action.startswith("s3:") else records.by_arn(need.resource)
    if record is None:
        return {}
    tags = tags_of(record.doc.get("Tags") or record.doc.get("tags"))
    service = need.action.partition(":")[0]
    found = {**of_tags("aws:resourcetag", tags), **of_tags(f"{service}:resourcetag", tags)}
    for key, path in names()["state"].items():
        name, _, each = key.lower().partition("${")
        value: object = record.doc
        for member in path.split("."):
            value = value.get(member) if isinstance(value, dict) else None
        if each and isinstance(value, dict):
            found |= {f"{name}{part.lower()}": (str(text),) for part, text in value.items()}
        elif isinstance(value, str) and key.startswith(f"{service}:"):
            found[name] = (value,)
    return found


@cache
def bearers() -> Mapping[tuple[str, str], Resource]:
    """Return the declared kinds that can have a policy, by service prefix and the first word of their ARN."""
    found = {}
    for (prefix, skeleton), kind in declarations().items():
        if prefix == "iam":  # A user's or a role's policies say what it may, not who may use it.
            continue
        known = {*table(prefix).actions, *names()["newer"].get(prefix, ())}
        by_attribute = kind.kind in names()["bearers"].get(prefix, ())
        if by_attribute or f"Put{kind.kind}Policy" in known or f"Set{kind.kind}Policy" in known:
            found[prefix, skeleton.partition("/")[0]] = kind
    return found


def _said(owner: str, text: str | None) -> OnResource:
    """Read a policy; a text that is none, where a service keeps any, grants nothing."""
    try:
        return OnResource(owner, () if text is None else (parse(text, "own", source="resource"),))
    except Malformed:
        return OnResource(owner)


def _holder(arn: str) -> str:
    """Return the ARN of the record that keeps the policy for an ARN; "" where there is none."""
    prefix, tail = arn.split(":", 5)[2::3]
    noun, _, name = tail.partition("/")
    if (prefix, noun) in bearers():
        return arn
    if (prefix, "{}") in bearers():  # nothing but a name; what lies in it is told apart by another colon
        return arn.removesuffix(tail) + tail.partition(":")[0]
    if (prefix, (kind := tail.partition(":")[0]) + ":{}") in bearers():  # a function, with a version or not
        return arn.removesuffix(tail) + f"{kind}:{tail.split(':')[1]}"
    if noun in names()["parents"].get(prefix, {}):  # a version of a group falls under its group's policy
        parent, slash, _ = name.partition("/")
        member = names()["parents"][prefix][noun].removesuffix("Name")
        kinds = {kind.kind: above for (of, above), kind in bearers().items() if of == prefix}
        if slash and member in kinds:
            return f"{arn.removesuffix(tail)}{kinds[member]}/{parent}"
    return ""


def _here(account: str, arn: str, records: Records) -> bool:
    return records.scoped(account, "").find(ACCOUNT, account) is not None or records.by_arn(arn) is not None
