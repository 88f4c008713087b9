"""ACLs and who owns objects: off and the bucket's owner, as in every new bucket on AWS."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.registry import Call, operation
from clary.operations.s3.request import bucket_of, owner
from clary.operations.s3.versioning import asked
from clary.store.objects.errors import refused

_ENFORCED: Document = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


@operation("s3", "GetBucketAcl")
def get_bucket_acl(call: Call) -> Document:
    """Answer that the owner has full control."""
    return _full_control(bucket_of(call).account)


@operation("s3", "GetObjectAcl")
def get_object_acl(call: Call) -> Document:
    """Answer that the bucket's owner has full control."""
    bucket = bucket_of(call)
    call.objects.get(bucket.name, call.request["Key"], asked(call.request))
    return _full_control(bucket.account)


@operation("s3", "PutBucketAcl")
def put_bucket_acl(call: Call) -> Document:
    """Refuse, as S3 does where ACLs are off."""
    bucket_of(call)
    raise _no_acls()


@operation("s3", "PutObjectAcl")
def put_object_acl(call: Call) -> Document:
    """Refuse, but for the one grant that holds anyway."""
    bucket = bucket_of(call)
    call.objects.get(bucket.name, call.request["Key"], asked(call.request))
    if call.request.get("ACL") != "bucket-owner-full-control":
        raise _no_acls()
    return {}


@operation("s3", "GetBucketOwnershipControls")
def get_ownership(call: Call) -> Document:
    """Answer the rule that holds, unless somebody took it away, which changes nothing else."""
    kept = bucket_of(call).settings.get("OwnershipControls", _ENFORCED)
    if kept is None:
        message = "The bucket ownership controls were not found"
        raise ApiError(message, code="OwnershipControlsNotFoundError", status=404)
    return {"OwnershipControls": kept}


@operation("s3", "PutBucketOwnershipControls")
def put_ownership(call: Call) -> Document:
    """Keep the one rule there is here."""
    bucket, kept = bucket_of(call), call.request["OwnershipControls"]
    if kept != _ENFORCED:
        raise refused("NotImplemented", "Only the object ownership BucketOwnerEnforced is implemented.")
    call.objects.configure(bucket.name, {"OwnershipControls": kept})
    return {}


@operation("s3", "DeleteBucketOwnershipControls")
def delete_ownership(call: Call) -> Document:
    """Drop the rule from what is answered; ACLs stay off all the same."""
    call.objects.configure(bucket_of(call).name, {"OwnershipControls": None})
    return {}


def _full_control(account: str) -> Document:
    grantee = {**owner(account), "Type": "CanonicalUser"}
    return {"Owner": owner(account), "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]}


def _no_acls() -> ApiError:
    return refused("AccessControlListNotSupported", "The bucket does not allow ACLs")
