"""A bucket's policy: kept here, enforced with the caller's own policies on every call.

Which policies are public, and how strangers are refused: evidence/s3-access.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.tags import tags_of
from clary.engines.policy import Malformed, parse
from clary.operations.registry import Call, operation
from clary.operations.s3.request import bucket_of
from clary.store.objects import Bucket, Objects
from clary.store.objects.errors import refused
from clary.store.objects.versions import check_id

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
ALL_BLOCKED: Document = dict.fromkeys(BLOCKS, True)

_LARGEST = 20 * 1024
_NARROWING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)
_ANY = frozenset({"*", "0.0.0.0/0", "::/0"})


@operation("s3", "GetBucketPolicy")
def get(call: Call) -> Document:
    """Answer the policy as it was put."""
    bucket = bucket_of(call)
    policy = bucket.settings.get("Policy")
    if policy is None:
        raise refused("NoSuchBucketPolicy", "The bucket policy does not exist", BucketName=bucket.name)
    return {"Policy": policy}


@operation("s3", "PutBucketPolicy")
def put(call: Call) -> Document:
    """Keep a policy; one that does not parse, or opens a bucket that must stay closed, is refused."""
    bucket = bucket_of(call)
    text: str = call.request["Policy"]
    if len(text.encode()) > _LARGEST:
        raise refused("PolicyTooLarge", f"The policy is larger than {_LARGEST} bytes")
    if not text.lstrip().startswith("{"):
        message = "Policies must be valid JSON and the first byte must be '{'"
        raise refused("MalformedPolicy", message)
    try:
        parse(text, "resource", source="resource")
    except Malformed as error:
        raise refused("MalformedPolicy", str(error)) from error
    _check_resources(text, bucket.name)
    if blocks(bucket).get("BlockPublicPolicy") and is_public(text):
        raise refused(
            "AccessDenied",
            "Access Denied because public policies are blocked by the BlockPublicPolicy block public access "
            "setting.",
        )
    call.objects.configure(bucket.name, {"Policy": text})
    return {}


@operation("s3", "DeleteBucketPolicy")
def delete(call: Call) -> Document:
    """Drop the policy."""
    call.objects.configure(bucket_of(call).name, {}, remove=["Policy"])
    return {}


@operation("s3", "GetBucketPolicyStatus")
def status(call: Call) -> Document:
    """Answer whether the policy allows something to everybody."""
    bucket = bucket_of(call)
    policy = bucket.settings.get("Policy")
    if policy is None:
        raise refused("NoSuchBucketPolicy", "The bucket policy does not exist", BucketName=bucket.name)
    return {"PolicyStatus": {"IsPublic": is_public(policy)}}


class BucketSide:
    """What buckets and their objects say when a call is decided."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def said(self, bucket: str, caller: str) -> tuple[str, str | None] | None:
        """Return a bucket's owner and policy; a public one tells strangers nothing where that is blocked."""
        found = self._objects.find_bucket(bucket)
        if found is None:
            return None
        policy: str | None = found.settings.get("Policy")
        closed = blocks(found).get("RestrictPublicBuckets")
        if policy is not None and closed and caller != found.account and is_public(policy):
            policy = None
        return found.account, policy

    def tags(self, bucket: str, key: str, version: str | None) -> Mapping[str, str]:
        """Return the tags of an object, none of one that is not there."""
        try:
            info = self._objects.get(bucket, key, check_id(version))
        except ApiError:
            return {}
        return tags_of(info.attributes.get("Tags"))


def blocks(bucket: Bucket) -> Document:
    """Return which public access a bucket blocks; a new one blocks all, as on AWS."""
    kept: Document | None = bucket.settings.get("PublicAccessBlock", ALL_BLOCKED)
    return kept or {}


def is_public(text: str) -> bool:
    """Say whether a policy allows something to everybody, on no condition that names whom it means."""
    return any(
        statement.get("Effect") == "Allow"
        and ("NotPrincipal" in statement or _everybody(statement.get("Principal")))
        and not _narrowed(statement.get("Condition") or {})
        for statement in _statements(text)
    )


def _everybody(principal: object) -> bool:
    if isinstance(principal, dict):
        principal = principal.get("AWS")
    return principal == "*" or (isinstance(principal, list) and "*" in principal)


def _narrowed(condition: Document) -> bool:
    """Say whether a condition asks for one of a few callers or networks, and not for any."""
    for operator, tests in condition.items():
        if not isinstance(tests, dict) or "Not" in operator or operator.startswith("Null"):
            continue
        for key, given in tests.items():
            values = given if isinstance(given, list) else [given]
            if key.lower() in _NARROWING and not any(str(value) in _ANY for value in values):
                return True
    return False


def _check_resources(text: str, bucket: str) -> None:
    mine = f"arn:aws:s3:::{bucket}"
    for statement in _statements(text):
        named = statement.get("Resource", [])
        for resource in [named] if isinstance(named, str) else named:
            if resource != mine and not resource.startswith(f"{mine}/"):
                raise refused("MalformedPolicy", "Policy has invalid resource", Detail=resource)


def _statements(text: str) -> list[Document]:
    found = json.loads(text).get("Statement", [])
    return [found] if isinstance(found, dict) else list(found)
