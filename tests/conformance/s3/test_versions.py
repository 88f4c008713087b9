"""A bucket that keeps versions, as boto3 sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.s3.bucket import Bucket, make

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture
def bucket(server: Server) -> Bucket:
    """A bucket that keeps versions."""
    made = make(server)
    assert "Status" not in made.s3.get_bucket_versioning(Bucket=made.name)
    made.s3.put_bucket_versioning(Bucket=made.name, VersioningConfiguration={"Status": "Enabled"})
    assert made.s3.get_bucket_versioning(Bucket=made.name)["Status"] == "Enabled"
    return made


def test_a_version_can_be_read_after_it_was_replaced(bucket: Bucket) -> None:
    first, second = (bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=body) for body in (b"1", b"2"))
    assert first["VersionId"] != second["VersionId"]
    got = bucket.s3.get_object(Bucket=bucket.name, Key="k")
    assert (got["Body"].read(), got["VersionId"]) == (b"2", second["VersionId"])
    old = {"Bucket": bucket.name, "Key": "k", "VersionId": first["VersionId"]}
    assert bucket.s3.get_object(**old)["Body"].read() == b"1"
    assert bucket.s3.head_object(**old)["VersionId"] == first["VersionId"]
    assert bucket.s3.get_object_attributes(**old, ObjectAttributes=["ObjectSize"])["ObjectSize"] == 1


def test_a_deletion_sets_a_marker_and_its_removal_brings_the_object_back(bucket: Bucket) -> None:
    put = bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"1")
    marker = bucket.s3.delete_object(Bucket=bucket.name, Key="k")
    assert marker["DeleteMarker"] is True
    with pytest.raises(ClientError) as caught:
        bucket.s3.get_object(Bucket=bucket.name, Key="k")
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert caught.value.response["Error"]["Code"] == "NoSuchKey"
    assert headers["x-amz-delete-marker"] == "true"
    assert headers["x-amz-version-id"] == marker["VersionId"]
    assert "Contents" not in bucket.s3.list_objects_v2(Bucket=bucket.name)
    gone = bucket.s3.delete_object(Bucket=bucket.name, Key="k", VersionId=marker["VersionId"])
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, marker["VersionId"])
    assert bucket.s3.get_object(Bucket=bucket.name, Key="k")["VersionId"] == put["VersionId"]


def test_a_marker_cannot_be_read(bucket: Bucket) -> None:
    marker = bucket.s3.delete_object(Bucket=bucket.name, Key="never-there")
    for operation in ("get_object", "head_object"):
        with pytest.raises(ClientError) as caught:
            getattr(bucket.s3, operation)(
                Bucket=bucket.name, Key="never-there", VersionId=marker["VersionId"]
            )
        response = caught.value.response["ResponseMetadata"]
        assert response["HTTPStatusCode"] == 405
        assert response["HTTPHeaders"]["allow"] == "DELETE"
        assert response["HTTPHeaders"]["x-amz-delete-marker"] == "true"


def test_versions_are_listed_newest_first_page_by_page(bucket: Bucket) -> None:
    expected = []
    for key in ("a", "b/1", "b/2"):
        ids = [bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=b"x")["VersionId"] for _ in range(3)]
        expected += [(key, version) for version in reversed(ids)]
    marker = bucket.s3.delete_object(Bucket=bucket.name, Key="a")["VersionId"]
    paginator = bucket.s3.get_paginator("list_object_versions")
    pages: list[dict[str, Any]] = list(
        paginator.paginate(Bucket=bucket.name, PaginationConfig={"PageSize": 2})
    )
    found = [(v["Key"], v["VersionId"]) for page in pages for v in page.get("Versions", [])]
    assert found == expected
    (deleted,) = [m for page in pages for m in page.get("DeleteMarkers", [])]
    assert (deleted["VersionId"], deleted["IsLatest"]) == (marker, True)
    latest = {v["Key"] for page in pages for v in page.get("Versions", []) if v["IsLatest"]}
    assert latest == {"b/1", "b/2"}
    rolled = bucket.s3.list_object_versions(Bucket=bucket.name, Delimiter="/", Prefix="b")
    assert [p["Prefix"] for p in rolled["CommonPrefixes"]] == ["b/"]


def test_suspended_versions_are_called_null(bucket: Bucket) -> None:
    kept = bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"kept")["VersionId"]
    bucket.s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Suspended"})
    for body in (b"1", b"2"):
        assert bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=body)["VersionId"] == "null"
    listed = bucket.s3.list_object_versions(Bucket=bucket.name)
    assert [v["VersionId"] for v in listed["Versions"]] == ["null", kept]
    assert bucket.s3.delete_object(Bucket=bucket.name, Key="k")["VersionId"] == "null"
    listed = bucket.s3.list_object_versions(Bucket=bucket.name)
    assert [v["VersionId"] for v in listed["Versions"]] == [kept]
    assert [m["VersionId"] for m in listed["DeleteMarkers"]] == ["null"]


def test_a_version_can_be_copied_tagged_and_uploaded_in_parts(bucket: Bucket) -> None:
    first = bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"old")["VersionId"]
    bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"new")
    source = {"Bucket": bucket.name, "Key": "k", "VersionId": first}
    restored = bucket.s3.copy_object(Bucket=bucket.name, Key="k", CopySource=source)
    assert restored["CopySourceVersionId"] == first
    got = bucket.s3.get_object(Bucket=bucket.name, Key="k")
    assert (got["Body"].read(), got["VersionId"]) == (b"old", restored["VersionId"])
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    bucket.s3.put_object_tagging(Bucket=bucket.name, Key="k", VersionId=first, Tagging=tags)
    assert (
        bucket.s3.get_object_tagging(Bucket=bucket.name, Key="k", VersionId=first)["TagSet"] == tags["TagSet"]
    )
    assert bucket.s3.get_object_tagging(Bucket=bucket.name, Key="k")["TagSet"] == []
    upload = bucket.s3.create_multipart_upload(Bucket=bucket.name, Key="m")
    name = {"Bucket": bucket.name, "Key": "m", "UploadId": upload["UploadId"]}
    part = bucket.s3.upload_part(**name, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    done = bucket.s3.complete_multipart_upload(**name, MultipartUpload=parts)
    assert bucket.s3.head_object(Bucket=bucket.name, Key="m")["VersionId"] == done["VersionId"]
    again = bucket.s3.complete_multipart_upload(**name, MultipartUpload=parts)
    assert again["VersionId"] == done["VersionId"]


def test_a_batch_deletes_versions(bucket: Bucket) -> None:
    ids = [bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"x")["VersionId"] for _ in range(2)]
    named = [{"Key": "k", "VersionId": ids[0]}, {"Key": "k"}, {"Key": "k", "VersionId": "no-id"}]
    answer = bucket.s3.delete_objects(Bucket=bucket.name, Delete={"Objects": named})
    removed, marked = answer["Deleted"]
    assert removed == {"Key": "k", "VersionId": ids[0]}
    assert marked["DeleteMarker"] is True
    assert marked["DeleteMarkerVersionId"] not in ids
    assert [error["Code"] for error in answer["Errors"]] == ["InvalidArgument"]


@pytest.mark.parametrize("version", ["0" * 32, "null"])
def test_a_version_that_never_was_is_not_found(bucket: Bucket, version: str) -> None:
    bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"x")
    assert bucket.refused("get_object", Key="k", VersionId=version) == ("NoSuchVersion", 404)
    bucket.s3.delete_object(Bucket=bucket.name, Key="k", VersionId=version)  # as good as deleted


def test_a_new_object_may_be_made_where_a_marker_is(bucket: Bucket) -> None:
    bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"x", IfNoneMatch="*")
    assert bucket.refused("put_object", Key="k", Body=b"", IfNoneMatch="*") == ("PreconditionFailed", 412)
    bucket.s3.delete_object(Bucket=bucket.name, Key="k")
    bucket.s3.put_object(Bucket=bucket.name, Key="k", Body=b"y", IfNoneMatch="*")
