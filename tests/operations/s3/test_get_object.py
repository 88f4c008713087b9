"""GetObject and HeadObject: ranges, conditions, overrides, checksums, parts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.operations.s3.serving import NOON, S3, body

BIG = 5 << 20
RANGES = [
    ("bytes=0-3", b"0123", "bytes 0-3/10"),
    ("bytes=3-", b"3456789", "bytes 3-9/10"),
    ("bytes=-2", b"89", "bytes 8-9/10"),
    ("bytes=-99", b"0123456789", "bytes 0-9/10"),
    ("bytes=9-99", b"9", "bytes 9-9/10"),
    ("bytes=0-0,5-6", b"0123456789", None),
    ("bytes=5-3", b"0123456789", None),
    ("bytes=-", b"0123456789", None),
    ("lines=0-3", b"0123456789", None),
    ("bytes=0-" + "9" * 5000, b"0123456789", None),
]


@pytest.mark.parametrize(("header", "expected", "content_range"), RANGES)
def test_a_range_is_answered(tmp_path: Path, header: str, expected: bytes, content_range: str | None) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="k", Body=b"0123456789")
    answer = s3("GetObject", Key="k", Range=header)
    assert body(answer) == expected
    assert answer["ContentLength"] == len(expected)
    assert answer.get("ContentRange") == content_range


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_outside_the_object_is_416(tmp_path: Path, header: str) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="k", Body=b"0123456789")
    error = s3.refused("GetObject", Key="k", Range=header)
    assert (error.code, error.status, error.members["ActualObjectSize"]) == ("InvalidRange", 416, 10)


def test_an_empty_object_has_no_range(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="k")
    assert body(s3("GetObject", Key="k")) == b""
    assert s3.refused("GetObject", Key="k", Range="bytes=0-").status == 416


def test_what_was_said_at_put_is_answered_at_get(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    said = {
        "CacheControl": "no-cache",
        "ContentDisposition": "attachment",
        "ContentLanguage": "de",
        "ContentType": "text/csv",
        "Expires": NOON,
        "Metadata": {"Owner": "me"},
        "StorageClass": "STANDARD_IA",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "alias/k",
    }
    s3("PutObject", Key="k", Body=b"x", ContentEncoding="aws-chunked,gzip", Tagging="a=1&b=%20", **said)
    for operation in ("GetObject", "HeadObject"):
        answer = s3(operation, Key="k")
        assert {name: answer[name] for name in said} == said
        assert (answer["ContentEncoding"], answer["TagCount"], answer["LastModified"]) == ("gzip", 2, NOON)
    tags = s3("GetObjectTagging", Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": " "}]


def test_response_headers_can_be_overridden(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="k", Body=b"x", ContentType="text/plain")
    answer = s3("GetObject", Key="k", ResponseContentType="a/b", ResponseContentDisposition="inline")
    assert (answer["ContentType"], answer["ContentDisposition"]) == ("a/b", "inline")


def test_conditions_are_honoured(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    etag = s3("PutObject", Key="k", Body=b"x")["ETag"]
    error = s3.refused("GetObject", Key="k", IfNoneMatch=etag)
    assert (error.status, error.members["ETag"]) == (304, etag)
    assert s3.refused("HeadObject", Key="k", IfMatch='"x"').status == 412
    assert s3.refused("GetObject", Key="k", IfUnmodifiedSince=NOON - timedelta(days=1)).status == 412
    assert s3.refused("GetObject", Key="k", IfModifiedSince=NOON).status == 304


def test_a_checksum_is_told_only_on_request_and_never_of_a_range(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="k", Body=b"123456789", ChecksumAlgorithm="CRC32C")
    assert "ChecksumCRC32C" not in s3("GetObject", Key="k")
    answer = s3("GetObject", Key="k", ChecksumMode="ENABLED")
    assert (answer["ChecksumCRC32C"], answer["ChecksumType"]) == ("4waSgw==", "FULL_OBJECT")
    assert "ChecksumCRC32C" not in s3("GetObject", Key="k", ChecksumMode="ENABLED", Range="bytes=0-1")


def test_parts_of_a_finished_upload_can_be_got(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    upload = s3("CreateMultipartUpload", Key="k")["UploadId"]
    bodies = [b"a" * BIG, b"bcd"]
    parts = [
        {"PartNumber": n, "ETag": s3("UploadPart", Key="k", UploadId=upload, PartNumber=n, Body=data)["ETag"]}
        for n, data in enumerate(bodies, 1)
    ]
    s3("CompleteMultipartUpload", Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    answer = s3("GetObject", Key="k", PartNumber=2)
    assert body(answer) == b"bcd"
    assert (answer["PartsCount"], answer["ContentRange"]) == (2, f"bytes {BIG}-{BIG + 2}/{BIG + 3}")
    assert s3.refused("GetObject", Key="k", PartNumber=3).code == "InvalidPartNumber"
    assert s3.refused("GetObject", Key="k", PartNumber=1, Range="bytes=0-1").code == "InvalidRequest"
    asked = ["ETag,Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    described = s3("GetObjectAttributes", Key="k", ObjectAttributes=asked, MaxParts=1)
    assert (described["ObjectSize"], described["StorageClass"]) == (BIG + 3, "STANDARD")
    assert described["Checksum"]["ChecksumType"] == "FULL_OBJECT"
    listed = described["ObjectParts"]
    assert (listed["TotalPartsCount"], listed["IsTruncated"], len(listed["Parts"])) == (2, True, 1)


@pytest.mark.parametrize(
    ("request_members", "code", "status"),
    [
        ({"Key": "absent"}, "NoSuchKey", 404),
        ({"Key": "k", "Bucket": "absent"}, "NoSuchBucket", 404),
        ({"Key": "k", "VersionId": "0" * 32}, "NoSuchVersion", 404),
        ({"Key": "k", "VersionId": "v1"}, "InvalidArgument", 400),
        ({"Key": "k", "ExpectedBucketOwner": "111111111111"}, "AccessDenied", 403),
        ({"Key": "k", "ExpectedBucketOwner": "me"}, "InvalidBucketOwnerAWSAccountID", 400),
        ({"Key": "k", "SSECustomerKey": "secret"}, "NotImplemented", 501),
    ],
)
def test_what_cannot_be_got_is_refused(
    tmp_path: Path, request_members: dict[str, str], code: str, status: int
) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="k", Body=b"x")
    error = s3.refused("GetObject", **request_members)
    assert (error.code, error.status) == (code, status)
