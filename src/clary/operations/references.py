"""What a request refers to must be there: roles, buckets, objects and images. Refusals are in AWS's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations.registry import Call
from clary.resources.iam.role import ROLE
from clary.runtime import images

SERVICE = "sagemaker.amazonaws.com"


def role(call: Call, arn: str) -> None:
    """Refuse a role that does not exist or does not let SageMaker assume it."""
    account = arn.split(":", 5)[4] if arn.count(":") >= 5 else ""
    record = call.records.scoped(account, "").find(ROLE, arn.rsplit("/", 1)[-1]) if account else None
    if record is None or record.arn != arn or not _trusts(record.doc["AssumeRolePolicyDocument"]):
        raise ValidationError(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            f"'{SERVICE}' to assume the role."
        )


def bucket(call: Call, uri: str, member: str) -> None:
    """Refuse an S3 URI to write to whose bucket is not there."""
    name, _ = split(uri, member)
    if call.objects.find_bucket(name) is None:
        raise ValidationError(
            f"The bucket of {member} {uri!r} does not exist. Create the bucket {name!r}, or name another."
        )


def prefix(call: Call, uri: str, member: str, role_arn: str) -> None:
    """Refuse an S3 prefix to read from under which there is nothing."""
    name, key = split(uri, member)
    if call.objects.find_bucket(name) is None:
        cause = ' Error message from S3: "The specified bucket does not exist"'
    elif any(islice(call.objects.each(name, key), 1)):
        return
    else:
        cause = ""
    raise ValidationError(
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
        f"exists in the selected region ({call.region}), that objects exist under that S3 prefix, and that "
        f'the role "{role_arn}" has "s3:ListBucket" permissions on bucket "{name}".{cause}'
    )


def model_data(call: Call, uri: str) -> None:
    """Refuse a model archive that is not there."""
    name, key = split(uri, "ModelDataUrl")
    if call.objects.find_bucket(name) is None or not key or call.objects.find(name, key) is None:
        raise ValidationError(f"Could not find model data at {uri}.")


def model_prefix(call: Call, uri: str) -> None:
    """Refuse a prefix of model files under which there is nothing."""
    name, key = split(uri, "ModelDataSource.S3DataSource.S3Uri")
    if call.objects.find_bucket(name) is None or not any(islice(call.objects.each(name, key), 1)):
        raise ValidationError(f"Could not find model data at {uri}.")


def image(call: Call, uri: str) -> None:
    """Refuse an image that nothing here can run."""
    try:
        images.resolve(uri, (call.settings.home.root / "images",))
    except ValueError as error:
        raise ValidationError(str(error)) from error


def split(uri: str, member: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI."""
    name, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not name:
        raise ValidationError(f"{member} is {uri!r}; it must have the form s3://bucket/prefix.")
    return name, key


def refuse(request: Document, unbuilt: Mapping[str, str], where: str = "") -> None:
    """Refuse members that ask for what is not built: name, and what to do instead."""
    for member, advice in unbuilt.items():
        if request.get(member) not in (None, "", [], {}, False, 0):
            raise ValidationError(f"{where}{member} is not supported by Clary yet: {advice}")


def _trusts(document: str | Document) -> bool:
    """Say whether a trust policy lets SageMaker assume the role."""
    policy = json.loads(document) if isinstance(document, str) else document
    found = False
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        named = "*" if principal == "*" else principal.get("Service", ())
        services = [named] if isinstance(named, str) else named
        actions = statement.get("Action", ())
        assumes = {"sts:AssumeRole", "sts:*", "*"} & set([actions] if isinstance(actions, str) else actions)
        if assumes and {"*", SERVICE} & set(services):
            if statement.get("Effect") == "Deny":
                return False
            found = True
    return found
