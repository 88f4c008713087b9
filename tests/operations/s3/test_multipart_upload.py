"""Multipart uploads as clients see them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from tests.operations.s3.serving import BUCKET, S3, body

BIG = 5 << 20


def test_an_upload_is_listed_and_completed(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    upload = s3("CreateMultipartUpload", Key="k", ContentType="a/b", Metadata={"m": "1"})["UploadId"]
    sent = [
        s3("UploadPart", Key="k", UploadId=upload, PartNumber=n, Body=bytes([n]) * BIG) for n in (1, 2, 3)
    ]
    listed = s3("ListParts", Key="k", UploadId=upload, MaxParts=2)
    assert [part["ETag"] for part in listed["Parts"]] == [part["ETag"] for part in sent[:2]]
    assert (listed["IsTruncated"], listed["NextPartNumberMarker"]) == (True, 2)
    rest = s3("ListParts", Key="k", UploadId=upload, PartNumberMarker=2)
    assert [part["PartNumber"] for part in rest["Parts"]] == [3]
    assert [u["Key"] for u in s3("ListMultipartUploads")["Uploads"]] == ["k"]
    parts = [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate(sent, 1)]
    for _ in range(2):
        done = s3("CompleteMultipartUpload", Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
        assert (done["Bucket"], done["Key"], done["ChecksumType"]) == (BUCKET, "k", "FULL_OBJECT")
        assert done["ETag"].endswith('-3"')
    answer = s3("GetObject", Key="k")
    assert body(answer) == b"\1" * BIG + b"\2" * BIG + b"\3" * BIG
    assert (answer["ContentType"], answer["Metadata"]) == ("a/b", {"m": "1"})
    assert s3("ListMultipartUploads")["Uploads"] == []


def test_parts_can_be_copied(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="source", Body=b"0123456789")
    upload = s3("CreateMultipartUpload", Key="k")["UploadId"]
    part = {"Key": "k", "UploadId": upload, "PartNumber": 1, "CopySource": f"{BUCKET}/source"}
    whole = s3("UploadPartCopy", **part)["CopyPartResult"]
    assert whole["ETag"] == f'"{hashlib.md5(b"0123456789", usedforsecurity=False).hexdigest()}"'
    etag = s3("UploadPartCopy", **part, CopySourceRange="bytes=2-4")["CopyPartResult"]["ETag"]
    for wrong in ("bytes=2-", "bytes=4-2", "bytes=0-10", "2-4"):
        assert s3.refused("UploadPartCopy", **part, CopySourceRange=wrong).code == "InvalidArgument"
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3("CompleteMultipartUpload", Key="k", UploadId=upload, MultipartUpload=parts)
    assert body(s3("GetObject", Key="k")) == b"234"


@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
def test_a_named_checksum_goes_through(tmp_path: Path, kind: str) -> None:
    s3 = S3(tmp_path)
    made = s3("CreateMultipartUpload", Key="k", ChecksumAlgorithm="CRC32", ChecksumType=kind)
    assert (made["ChecksumAlgorithm"], made["ChecksumType"]) == ("CRC32", kind)
    upload = made["UploadId"]
    crc = base64.b64encode(bytes.fromhex("cbf43926")).decode()
    sent = {"Key": "k", "UploadId": upload, "PartNumber": 1, "Body": b"123456789"}
    assert s3.refused("UploadPart", **sent, ChecksumCRC32="AAAAAA==").code == "BadDigest"
    assert s3.refused("UploadPart", **sent, ChecksumSHA1="x").code == "InvalidRequest"
    part = s3("UploadPart", **sent, ChecksumCRC32=crc)
    assert part["ChecksumCRC32"] == crc
    parts = {"Parts": [{"PartNumber": 1, **part}]}
    done = s3("CompleteMultipartUpload", Key="k", UploadId=upload, MultipartUpload=parts, ChecksumType=kind)
    assert done["ChecksumType"] == kind
    assert done["ChecksumCRC32"].endswith("-1") == (kind == "COMPOSITE")
    assert (done["ChecksumCRC32"] == crc) == (kind == "FULL_OBJECT")


def test_an_upload_of_another_key_or_none_is_not_found(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    upload = s3("CreateMultipartUpload", Key="k")["UploadId"]
    for members in ({"Key": "other", "UploadId": upload}, {"Key": "k", "UploadId": "none"}):
        assert s3.refused("ListParts", **members).code == "NoSuchUpload"
        assert s3.refused("UploadPart", **members, PartNumber=1, Body=b"").code == "NoSuchUpload"
        assert s3.refused("AbortMultipartUpload", **members).status == 404
    assert s3("AbortMultipartUpload", Key="k", UploadId=upload) == {}
    assert s3("ListMultipartUploads")["Uploads"] == []
