"""A bucket's policy: kept here, enforced with the caller's own policies on every call."""

from __future__ import annotations

import json

from clary.core.document import Document
from clary.engines.policy import Malformed, parse
from clary.operations.registry import Call, operation
from clary.operations.s3.request import bucket_of
from clary.store.objects.errors import refused

_LARGEST = 20 * 1024


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
    blocks = bucket.settings.get("PublicAccessBlock", {"BlockPublicPolicy": True}) or {}
    if blocks.get("BlockPublicPolicy") and is_public(text):
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


def is_public(text: str) -> bool:
    """Say whether a policy allows something to everybody, on no condition."""
    return any(
        statement.get("Effect") == "Allow"
        and "Condition" not in statement
        and ("NotPrincipal" in statement or _everybody(statement.get("Principal")))
        for statement in _statements(text)
    )


def _everybody(principal: object) -> bool:
    if isinstance(principal, dict):
        principal = principal.get("AWS")
    return principal == "*" or (isinstance(principal, list) and "*" in principal)


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
