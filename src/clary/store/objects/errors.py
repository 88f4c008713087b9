"""S3's own errors, with the HTTP status and the XML members that its clients read."""

from __future__ import annotations

from clary.core.errors import ApiError

_STATUS = {
    "AccessDenied": 403,
    "BucketAlreadyExists": 409,
    "BucketAlreadyOwnedByYou": 409,
    "BucketNotEmpty": 409,
    "InvalidRange": 416,
    "NoSuchBucketPolicy": 404,
    "NoSuchPublicAccessBlockConfiguration": 404,
    "NoSuchTagSet": 404,
    "NoSuchUpload": 404,
    "NoSuchVersion": 404,
    "NotImplemented": 501,
    "ServerSideEncryptionConfigurationNotFoundError": 404,
}


class NoSuchBucket(ApiError):
    """The named bucket does not exist."""

    code = "NoSuchBucket"
    status = 404

    def __init__(self, name: str) -> None:
        super().__init__("The specified bucket does not exist", members={"BucketName": name})


class NoSuchKey(ApiError):
    """The bucket holds no object of that key."""

    code = "NoSuchKey"
    status = 404

    def __init__(self, key: str, marker: str | None = None) -> None:
        marked = {} if marker is None else {"DeleteMarker": True, "VersionId": marker}
        super().__init__("The specified key does not exist.", members={"Key": key, **marked})


class NoSuchVersion(ApiError):
    """The key has, or had, no such version."""

    code = "NoSuchVersion"
    status = 404

    def __init__(self, key: str, version: str) -> None:
        members = {"Key": key, "VersionId": version}
        super().__init__("The specified version does not exist.", members=members)


class IsMarker(ApiError):
    """The version asked for marks a deletion: there is nothing in it to be read."""

    code = "MethodNotAllowed"
    status = 405

    def __init__(self, version: str, modified: str) -> None:
        members = {
            "ResourceType": "DeleteMarker",
            "DeleteMarker": True,
            "VersionId": version,
            "Allow": "DELETE",
        }
        message = "The specified method is not allowed against this resource."
        super().__init__(message, members={**members, "LastModified": modified})


class NoSuchUpload(ApiError):
    """The multipart upload was never begun, was aborted, or is another key's."""

    code = "NoSuchUpload"
    status = 404

    def __init__(self, upload_id: str) -> None:
        super().__init__(
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            "aborted or completed.",
            members={"UploadId": upload_id},
        )


class PreconditionFailed(ApiError):
    """A condition of the request does not hold; `Condition` names the header."""

    code = "PreconditionFailed"
    status = 412

    def __init__(self, condition: str) -> None:
        message = "At least one of the pre-conditions you specified did not hold"
        super().__init__(message, members={"Condition": condition})


class NotModified(ApiError):
    """The caller has this version already; answered without a body."""

    code = "NotModified"
    status = 304

    def __init__(self, etag: str, modified: str) -> None:
        super().__init__("Not Modified", members={"ETag": f'"{etag}"', "LastModified": modified})


def refused(code: str, message: str, **members: object) -> ApiError:
    """Return the S3 error of that code: status 400 unless S3 documents another one."""
    return ApiError(message, code=code, status=_STATUS.get(code, 400), members=dict(members))
