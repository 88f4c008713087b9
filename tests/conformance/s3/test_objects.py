"""boto3 puts, gets, copies and deletes objects as it does on AWS."""

from __future__ import annotations

import base64
import hashlib
import io
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.awsrequest import AWSRequest
from tests.conformance.s3.bucket import Bucket, make

if TYPE_CHECKING:
    from tests.conftest import Server

MIB = 1 << 20
KEYS = [
    "plain",
    "a b/ü?#+%&=.txt",
    "../../etc/passwd",
    "//",
    "slash/",
    ".",
    "\t\n",
    "e\u0301",
    "\U0001f600",
    "a" * 1024,
]
CHUNKED = TransferConfig(multipart_threshold=6 * MIB, multipart_chunksize=5 * MIB)


@pytest.fixture(scope="module")
def bucket(server: Server) -> Bucket:
    """One bucket for this module's tests, which use keys of their own."""
    return make(server)


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_any_key_can_be_put_got_copied_and_deleted(server: Server, key: str) -> None:
    bucket = make(server)
    name, s3 = bucket.name, bucket.s3
    s3.put_object(Bucket=name, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=name, Key=key)["Body"].read() == key.encode()
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=name)["Contents"]] == [key]
    s3.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": name, "Key": key})
    assert s3.get_object(Bucket=name, Key="copy")["Body"].read() == key.encode()
    answer = s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": key}, {"Key": "copy"}]})
    assert {item["Key"] for item in answer["Deleted"]} == {key, "copy"}
    s3.delete_bucket(Bucket=name)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
@pytest.mark.parametrize("stream", [False, True])
def test_checksums_come_back_and_hold(bucket: Bucket, algorithm: str, stream: bool) -> None:
    data = Random(7).randbytes(3 * MIB)  # noqa: S311  # bytes, not secrets
    body: Any = io.BytesIO(data) if stream else data
    put = bucket.s3.put_object(Bucket=bucket.name, Key=algorithm, Body=body, ChecksumAlgorithm=algorithm)
    got = bucket.s3.get_object(Bucket=bucket.name, Key=algorithm, ChecksumMode="ENABLED")
    assert got["Body"].read() == data, "botocore checks the checksum while reading"
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]


def test_a_wrong_checksum_is_refused(bucket: Bucket) -> None:
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert bucket.refused("put_object", Key="w", Body=b"x", ChecksumSHA256=wrong) == ("BadDigest", 400)
    assert bucket.refused("head_object", Key="w") == ("404", 404)


def test_a_large_file_goes_up_and_down_in_parts(bucket: Bucket, tmp_path: Path) -> None:
    data = Random(8).randbytes(17 * MIB + 5)  # noqa: S311  # bytes, not secrets
    (tmp_path / "up").write_bytes(data)
    extra = {"Metadata": {"name": "value"}, "ContentType": "a/b"}
    bucket.s3.upload_file(str(tmp_path / "up"), bucket.name, "large", Config=CHUNKED, ExtraArgs=extra)
    bucket.s3.download_file(bucket.name, "large", str(tmp_path / "down"), Config=CHUNKED)
    assert (tmp_path / "down").read_bytes() == data
    head = bucket.s3.head_object(Bucket=bucket.name, Key="large", ChecksumMode="ENABLED")
    assert (head["ContentType"], head["Metadata"]) == ("a/b", {"name": "value"})
    assert head["ETag"].endswith('-4"')
    assert (head["ChecksumType"], head["ChecksumCRC32"][-2:]) == ("COMPOSITE", "-4")
    part = bucket.s3.get_object(Bucket=bucket.name, Key="large", PartNumber=4)
    assert (part["ResponseMetadata"]["HTTPStatusCode"], part["PartsCount"]) == (206, 4)
    assert part["Body"].read() == data[15 * MIB :]
    bucket.s3.copy({"Bucket": bucket.name, "Key": "large"}, bucket.name, "large2", Config=CHUNKED)
    assert bucket.s3.get_object(Bucket=bucket.name, Key="large2")["Body"].read() == data
    asked = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    told = bucket.s3.get_object_attributes(Bucket=bucket.name, Key="large", ObjectAttributes=asked)
    assert (told["ObjectSize"], told["ObjectParts"]["TotalPartsCount"]) == (len(data), 4)


def test_ranges_and_conditions_are_answered(bucket: Bucket) -> None:
    etag = bucket.s3.put_object(Bucket=bucket.name, Key="r", Body=b"0123456789")["ETag"]
    got = bucket.s3.get_object(Bucket=bucket.name, Key="r", Range="bytes=-3")
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (got["Body"].read(), got["ContentRange"]) == (b"789", "bytes 7-9/10")
    assert bucket.refused("get_object", Key="r", Range="bytes=10-") == ("InvalidRange", 416)
    assert bucket.refused("get_object", Key="r", IfNoneMatch=etag) == ("304", 304)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert bucket.s3.get_object(Bucket=bucket.name, Key="r", IfUnmodifiedSince=tomorrow)["ETag"] == etag
    assert bucket.refused("get_object", Key="r", IfMatch='"x"') == ("PreconditionFailed", 412)
    assert bucket.refused("put_object", Key="r", Body=b"", IfNoneMatch="*") == ("PreconditionFailed", 412)
    bucket.s3.put_object(Bucket=bucket.name, Key="r", Body=b"new", IfMatch=etag)
    assert bucket.refused("delete_object", Key="r", IfMatch=etag) == ("PreconditionFailed", 412)


def test_a_304_tells_what_the_caller_has(bucket: Bucket) -> None:
    etag = bucket.s3.put_object(Bucket=bucket.name, Key="304", Body=b"x")["ETag"]
    url = bucket.server.client("s3").generate_presigned_url(
        "get_object", {"Bucket": bucket.name, "Key": "304"}
    )
    request = urllib.request.Request(url, headers={"If-None-Match": etag})  # noqa: S310  # our own server
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)  # noqa: S310  # our own server
    assert (caught.value.code, caught.value.headers["etag"]) == (304, etag)
    assert "last-modified" in caught.value.headers


@pytest.mark.parametrize(
    ("digest", "code"),
    [("1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"), ("x", "InvalidDigest"), ("", "InvalidRequest")],
)
def test_a_batch_whose_digest_does_not_hold_deletes_nothing(bucket: Bucket, digest: str, code: str) -> None:
    bucket.s3.put_object(Bucket=bucket.name, Key="batch", Body=b"x")

    def spoil(request: AWSRequest, **_: object) -> None:
        for name in [name for name in request.headers if name.lower().startswith("x-amz-checksum")]:
            del request.headers[name]
        if digest:
            request.headers["Content-MD5"] = digest

    spoiling = bucket.server.client("s3")
    spoiling.meta.events.register("before-sign.s3.DeleteObjects", spoil)
    spoilt = Bucket(bucket.name, bucket.server, spoiling)
    assert spoilt.refused("delete_objects", Delete={"Objects": [{"Key": "batch"}]}) == (code, 400)
    assert bucket.s3.get_object(Bucket=bucket.name, Key="batch")["Body"].read() == b"x"


def test_a_refusal_says_what_is_missing(bucket: Bucket) -> None:
    assert bucket.refused("get_object", Key="absent") == ("NoSuchKey", 404)
    assert bucket.refused("head_bucket", ExpectedBucketOwner="111111111111") == ("403", 403)
    with pytest.raises(bucket.s3.exceptions.NoSuchKey):
        bucket.s3.get_object(Bucket=bucket.name, Key="absent")
    with pytest.raises(bucket.s3.exceptions.NoSuchBucket):
        bucket.s3.list_objects_v2(Bucket="no-such-bucket-here")


@pytest.mark.parametrize("version", ["s3v4", None])
def test_presigned_urls_work_without_credentials(bucket: Bucket, version: str | None) -> None:
    signer = bucket.server.client("s3", config={"signature_version": version} if version else {})
    where = {"Bucket": bucket.name, "Key": f"pre signed/{version}"}
    put = urllib.request.Request(  # noqa: S310  # our own server
        signer.generate_presigned_url("put_object", where), data=b"hello", method="PUT"
    )
    put.add_header("Content-Type", "")
    with urllib.request.urlopen(put) as answer:  # noqa: S310  # our own server
        assert answer.status == 200
    overriding = {**where, "ResponseContentType": "text/x"}
    url = signer.generate_presigned_url("get_object", overriding)
    with urllib.request.urlopen(url) as answer:  # noqa: S310  # our own server
        assert (answer.read(), answer.headers["content-type"]) == (b"hello", "text/x")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.replace("pre%20signed", "other"))  # noqa: S310  # our own server
    assert caught.value.code == 403


def test_resources_and_waiters_work(server: Server) -> None:
    bucket = make(server)
    resource: Any = boto3.resource(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=server.keys["AccessKeyId"],
        aws_secret_access_key=server.keys["SecretAccessKey"],
    ).Bucket(bucket.name)
    bucket.s3.get_waiter("bucket_exists").wait(Bucket=bucket.name)
    resource.put_object(Key="k", Body=b"x")
    bucket.s3.get_waiter("object_exists").wait(Bucket=bucket.name, Key="k")
    assert bucket.refused("delete_bucket") == ("BucketNotEmpty", 409)
    resource.object_versions.delete()
    bucket.s3.get_waiter("object_not_exists").wait(Bucket=bucket.name, Key="k")
    bucket.s3.delete_bucket(Bucket=bucket.name)
    bucket.s3.get_waiter("bucket_not_exists").wait(Bucket=bucket.name)
