"""What a request refers to must be there: roles, buckets, objects and images. Refusals are in AWS's words."""

from __future__ import annotations

from collections.abc import Mapping

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import role_access
from clary.operations.registry import Call
from clary.operations.sts.trust import check_service_role
from clary.runtime import oci


def role(call: Call, arn: str) -> None:
    """Refuse a role that does not exist or does not let SageMaker assume it."""
    check_service_role(call.records, arn)


def bucket(call: Call, uri: str, member: str) -> None:
    """Refuse an S3 URI to write to whose bucket is not there or closed to the request's role."""
    name, key = split(uri, member)
    if call.objects.find_bucket(name) is None:
        raise ValidationError(
            f"The bucket of {member} {uri!r} does not exist. Create the bucket {name!r}, or name another."
        )
    if role_arn := call.request.get("RoleArn"):
        folder = key.rstrip("/") + "/" if key else ""
        role_access.check(call, role_arn, "s3:PutObject", f"arn:aws:s3:::{name}/{folder}output")


def prefix(call: Call, uri: str, member: str, role_arn: str) -> None:
    """Refuse an S3 prefix to read from under which there is nothing, or nothing for the role."""
    name, key = split(uri, member)
    if call.objects.find_bucket(name) is None:
        cause = ' Error message from S3: "The specified bucket does not exist"'
    elif found := next(call.objects.each(name, key), None):
        role_access.check(call, role_arn, "s3:ListBucket", f"arn:aws:s3:::{name}", prefix=key)
        role_access.check(call, role_arn, "s3:GetObject", f"arn:aws:s3:::{name}/{found.key}")
        return
    else:
        cause = ""
    raise ValidationError(  # evidence/training-data-errors.md
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
        f"exists in the selected region ({call.region}), that objects exist under that S3 prefix, and that "
        f'the role "{role_arn}" has "s3:ListBucket" permissions on bucket "{name}".{cause}'
    )


def model_data(call: Call, uri: str) -> None:
    """Refuse a model archive that is not there or that the request's role may not read."""
    name, key = split(uri, "ModelDataUrl")
    if call.objects.find_bucket(name) is None or not key or call.objects.find(name, key) is None:
        raise ValidationError(f"Could not find model data at {uri}.")
    if role_arn := call.request.get("ExecutionRoleArn"):
        role_access.check(call, role_arn, "s3:GetObject", f"arn:aws:s3:::{name}/{key}")


def model_prefix(call: Call, uri: str) -> None:
    """Refuse a prefix of model files under which there is nothing, or nothing for the role."""
    name, key = split(uri, "ModelDataSource.S3DataSource.S3Uri")
    found = next(call.objects.each(name, key), None) if call.objects.find_bucket(name) else None
    if found is None:
        raise ValidationError(f"Could not find model data at {uri}.")
    if role_arn := call.request.get("ExecutionRoleArn"):
        role_access.check(call, role_arn, "s3:GetObject", f"arn:aws:s3:::{name}/{found.key}")


def image(call: Call, uri: str) -> None:
    """Refuse an image that nothing here can run."""
    try:
        oci.resolve(uri, (call.settings.home.root / "images",))
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
