"""PutObject, CopyObject and the deletes."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from tests.operations.s3.serving import BUCKET, NOON, S3, body


def test_a_put_answers_etag_and_the_default_checksum(tmp_path: Path) -> None:
    answer = S3(tmp_path)("PutObject", Key="k", Body=b"123456789")
    assert answer == {
        "ETag": '"25f9e794323b453885f5181f1b624d0b"',
        "ChecksumCRC64NVME": base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode(),
        "ChecksumType": "FULL_OBJECT",
    }


def test_a_claimed_checksum_is_held_against_the_body(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    sha = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    md5 = base64.b64encode(hashlib.md5(b"x", usedforsecurity=False).digest()).decode()
    answer = s3("PutObject", Key="k", Body=b"x", ChecksumSHA256=sha, ContentMD5=md5)
    assert answer["ChecksumSHA256"] == sha
    assert s3.refused("PutObject", Key="k", Body=b"y", ChecksumSHA256=sha).code == "BadDigest"
    assert s3.refused("PutObject", Key="k", Body=b"y", ContentMD5=md5).code == "BadDigest"
    assert body(s3("GetObject", Key="k")) == b"x"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"GrantRead": "id=x"}, "AccessControlListNotSupported"),
        ({"ObjectLockMode": "GOVERNANCE"}, "InvalidRequest"),
        ({"SSECustomerAlgorithm": "AES256"}, "NotImplemented"),
        ({"StorageClass": "ATTIC"}, "InvalidStorageClass"),
        ({"Metadata": {"k": "x" * 2048}}, "MetadataTooLarge"),
        ({"Tagging": "a=1&a=2"}, "InvalidTag"),
        ({"Tagging": "&".join(f"k{n}=" for n in range(11))}, "BadRequest"),
        ({"Tagging": "no pairs"}, "InvalidArgument"),
        ({"ChecksumAlgorithm": "CRC7"}, "InvalidRequest"),
        ({"IfNoneMatch": '"x"'}, "NotImplemented"),
        ({"IfMatch": '"x"'}, "NoSuchKey"),
        ({"Key": "x" * 1025}, "KeyTooLongError"),
    ],
)
def test_what_is_not_kept_is_refused(tmp_path: Path, members: dict[str, object], code: str) -> None:
    s3 = S3(tmp_path)
    assert s3.refused("PutObject", **{"Key": "k", "Body": b"x", **members}).code == code
    assert s3("ListObjectsV2")["KeyCount"] == 0


def test_a_copy_keeps_metadata_and_tags_and_drops_the_storage_class(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    key = "a dir/ü?#+%.txt"
    s3(
        "PutObject",
        Key=key,
        Body=b"x",
        ContentType="a/b",
        Metadata={"m": "1"},
        StorageClass="STANDARD_IA",
        Tagging="t=1",
    )
    source = f"{BUCKET}/a%20dir/%C3%BC%3F%23%2B%25.txt"
    result = s3("CopyObject", Key="copy", CopySource=source)["CopyObjectResult"]
    assert result["ETag"] == f'"{hashlib.md5(b"x", usedforsecurity=False).hexdigest()}"'
    copy = s3("HeadObject", Key="copy")
    assert (copy["ContentType"], copy["Metadata"], copy["TagCount"]) == ("a/b", {"m": "1"}, 1)
    assert "StorageClass" not in copy
    s3(
        "CopyObject",
        Key="copy",
        CopySource=f"/{source}",
        MetadataDirective="REPLACE",
        TaggingDirective="REPLACE",
        Metadata={"n": "2"},
    )
    copy = s3("HeadObject", Key="copy")
    assert (copy["Metadata"], copy["ContentType"]) == ({"n": "2"}, "binary/octet-stream")
    assert "TagCount" not in copy


def test_a_copy_onto_itself_must_change_something(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="k", Body=b"x")
    assert s3.refused("CopyObject", Key="k", CopySource=f"{BUCKET}/k").code == "InvalidRequest"
    s3("CopyObject", Key="k", CopySource=f"{BUCKET}/k", StorageClass="STANDARD_IA")
    assert s3("HeadObject", Key="k")["StorageClass"] == "STANDARD_IA"
    assert body(s3("GetObject", Key="k")) == b"x"


def test_a_copy_of_an_upload_is_in_one_piece(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    upload = s3("CreateMultipartUpload", Key="k")["UploadId"]
    etag = s3("UploadPart", Key="k", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3("CompleteMultipartUpload", Key="k", UploadId=upload, MultipartUpload=parts)
    result = s3("CopyObject", Key="copy", CopySource=f"{BUCKET}/k")["CopyObjectResult"]
    assert result["ETag"] == f'"{hashlib.md5(b"x", usedforsecurity=False).hexdigest()}"'


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"CopySource": f"{BUCKET}/absent"}, "NoSuchKey"),
        ({"CopySource": "absent/k"}, "NoSuchBucket"),
        ({"CopySource": "nokey"}, "InvalidArgument"),
        ({"CopySource": f"{BUCKET}/k?versionId={'0' * 32}"}, "NoSuchVersion"),
        ({"CopySource": f"{BUCKET}/k", "CopySourceIfMatch": '"x"'}, "PreconditionFailed"),
        ({"CopySource": f"{BUCKET}/k", "CopySourceIfModifiedSince": NOON}, "PreconditionFailed"),
        ({"CopySource": f"{BUCKET}/k", "ExpectedSourceBucketOwner": "111111111111"}, "AccessDenied"),
        ({"CopySource": f"{BUCKET}/k", "MetadataDirective": "MOVE"}, "InvalidArgument"),
        (
            {"CopySource": f"{BUCKET}/k", "IfNoneMatch": "*", "Key": "k", "StorageClass": "STANDARD"},
            "PreconditionFailed",
        ),
    ],
)
def test_a_copy_that_cannot_be_is_refused(tmp_path: Path, members: dict[str, object], code: str) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="k", Body=b"x")
    assert s3.refused("CopyObject", **{"Key": "copy", **members}).code == code


def test_deleting_what_is_not_there_is_fine(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="k", Body=b"x")
    assert s3("DeleteObject", Key="k") == {}
    assert s3("DeleteObject", Key="k") == {}
    assert s3.refused("GetObject", Key="k").code == "NoSuchKey"


def test_a_batch_is_answered_key_by_key(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    for key in "abc":
        s3("PutObject", Key=key, Body=b"x")
    named = [{"Key": "a"}, {"Key": "b", "VersionId": "v1"}, {"Key": "c", "ETag": '"x"'}, {"Key": "gone"}]
    answer = s3("DeleteObjects", Delete={"Objects": named})
    assert answer["Deleted"] == [{"Key": "a"}, {"Key": "gone"}]
    assert [(e["Key"], e["Code"]) for e in answer["Errors"]] == [
        ("b", "InvalidArgument"),
        ("c", "PreconditionFailed"),
    ]
    quiet = s3("DeleteObjects", Delete={"Objects": [{"Key": "b"}], "Quiet": True})
    assert quiet == {}
    assert [entry["Key"] for entry in s3("ListObjectsV2")["Contents"]] == ["c"]


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_has_a_size(tmp_path: Path, count: int) -> None:
    named = [{"Key": f"{number}"} for number in range(count)]
    assert S3(tmp_path).refused("DeleteObjects", Delete={"Objects": named}).code == "MalformedXML"


def test_tags_are_replaced_and_removed(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="k", Body=b"x", Tagging="a=1")
    s3("PutObjectTagging", Key="k", Tagging={"TagSet": [{"Key": "b", "Value": "2"}]})
    assert s3("GetObjectTagging", Key="k")["TagSet"] == [{"Key": "b", "Value": "2"}]
    s3("DeleteObjectTagging", Key="k")
    assert s3("GetObjectTagging", Key="k")["TagSet"] == []
