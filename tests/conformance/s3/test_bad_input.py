"""Whatever a caller sends, the answer is S3's and the caller's fault, and nothing is written half."""

from __future__ import annotations

import base64
import hashlib
import http.client
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.conformance.s3.bucket import Bucket, make

if TYPE_CHECKING:
    from tests.conftest import Server

TRAVERSALS = [
    "../../etc/passwd",
    "..",
    ".",
    "./.",
    "a/../../b",
    "/absolute",
    "//double//",
    "a\\..\\b",
    "%2e%2e%2f",
    "\x00",
    "a\x00b",
    "\x01\x1f\x7f",
    "nul\ufffe",
    " leading and trailing ",
    "ü/\U0001f600/日本",
    "k" * 1024,
    "é" * 512,
]


@pytest.fixture(scope="module")
def bucket(server: Server) -> Bucket:
    """A bucket that keeps versions."""
    made = make(server)
    made.s3.put_bucket_versioning(Bucket=made.name, VersioningConfiguration={"Status": "Enabled"})
    return made


@pytest.mark.parametrize("key", TRAVERSALS)
def test_a_key_is_only_a_name(bucket: Bucket, key: str) -> None:
    name = {"Bucket": bucket.name, "Key": key}
    version = bucket.s3.put_object(**name, Body=key.encode())["VersionId"]
    assert bucket.s3.get_object(**name)["Body"].read() == key.encode()
    assert bucket.s3.get_object(**name, VersionId=version)["Body"].read() == key.encode()
    copied = bucket.s3.copy_object(Bucket=bucket.name, Key="copy", CopySource={**name, "VersionId": version})
    assert copied["CopySourceVersionId"] == version
    bucket.s3.put_object_tagging(**name, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    listed = bucket.s3.list_object_versions(Bucket=bucket.name, Prefix=key)["Versions"]
    assert key in [entry["Key"] for entry in listed]
    if not key.isprintable():  # what XML cannot say a batch cannot name
        assert bucket.s3.delete_object(**name, VersionId=version)["VersionId"] == version
        return
    named = [{"Key": key, "VersionId": version}]
    deleted = bucket.s3.delete_objects(Bucket=bucket.name, Delete={"Objects": named})["Deleted"]
    assert deleted == named


@pytest.mark.parametrize("key", ["k" * 1025, "é" * 513])
def test_a_key_that_is_too_long_is_refused(bucket: Bucket, key: str) -> None:
    assert bucket.refused("put_object", Key=key, Body=b"") == ("KeyTooLongError", 400)
    assert bucket.refused("get_object", Key=key)[1] < 500
    assert bucket.refused("create_multipart_upload", Key=key)[1] < 500


@pytest.mark.parametrize("raw", ["%ed%a0%80", "%ff%fe", "%c0%ae%c0%ae", "%zz", "%"])
def test_a_path_that_is_no_text_is_refused(bucket: Bucket, raw: str) -> None:
    for method in ("GET", "PUT", "HEAD", "DELETE"):
        status, _ = _raw(bucket, method, f"/{bucket.name}/{raw}", b"x" if method == "PUT" else b"")
        assert 200 <= status < 500


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"<Delete/>",
        b"<Other/>",
        b"\xff" * 100,
        b"<Delete><Object><Key>&#0;</Key></Object></Delete>",
        b"<Delete><Object><Key>&#xd800;</Key></Object></Delete>",
        b"<Delete>" + b"<Object><Key>k</Key></Object>" * 1001 + b"</Delete>",
        b"<a>" * 3_300_000,
        b"<Delete><Object><Key>" + b"k" * 10_000_000 + b"</Key></Object></Delete>",
        b'<!DOCTYPE d [<!ENTITY e "x">]><Delete><Object><Key>&e;</Key></Object></Delete>',
    ],
    ids=range(11),
)
@pytest.mark.parametrize(
    "query", ["delete", "tagging", "versioning", "cors", "lifecycle", "policy", "encryption"]
)
def test_documents_that_make_no_sense_are_refused(bucket: Bucket, body: bytes, query: str) -> None:
    method = "POST" if query == "delete" else "PUT"
    status, answer = _raw(bucket, method, f"/{bucket.name}?{query}", body)
    if status == 200:
        assert b"<Error>" in answer, "each key is answered for itself"
    else:
        assert 400 <= status < 500
        assert b"<Code>" in answer


@pytest.mark.parametrize(
    "query",
    [
        "versions&version-id-marker=x",
        "versions&key-marker=k&version-id-marker=../..",
        "versions&max-keys=-1",
        "versions&max-keys=99999999999999999999",
        "versions&encoding-type=x",
        "list-type=2&continuation-token=%00",
        "list-type=2&continuation-token=bm9uZQ==",
        "max-keys=x",
    ],
)
def test_markers_and_limits_that_cannot_be_are_refused(bucket: Bucket, query: str) -> None:
    status, answer = _raw(bucket, "GET", f"/{bucket.name}?{query}", b"")
    assert 400 <= status < 500
    assert b"<Code>" in answer


@pytest.mark.parametrize("version", ["..%2f..", "x" * 10_000, "%00", "%ff", "0" * 31, "G" * 32])
def test_a_version_id_that_cannot_be_is_refused(bucket: Bucket, version: str) -> None:
    for method in ("GET", "HEAD", "DELETE"):
        status, _ = _raw(bucket, method, f"/{bucket.name}/k?versionId={version}", b"")
        assert status == 400


def test_metadata_and_tags_have_limits(bucket: Bucket) -> None:
    assert (
        bucket.refused("put_object", Key="k", Body=b"", Metadata={"a": "x" * 2048})[0] == "MetadataTooLarge"
    )
    for tagging in ("=".join("kv") + "&k=w", "&".join(f"k{n}=v" for n in range(11)), f"{'k' * 129}=v"):
        assert bucket.refused("put_object", Key="k", Body=b"", Tagging=tagging)[1] == 400


def test_nothing_is_left_behind(bucket: Bucket) -> None:
    assert list(bucket.server.stores.objects.staging.iterdir()) == []


def test_a_lone_surrogate_does_not_leave_the_client_or_is_refused(bucket: Bucket) -> None:
    with pytest.raises((UnicodeEncodeError, ClientError)):
        bucket.s3.put_object(Bucket=bucket.name, Key="\ud800", Body=b"")


def _raw(bucket: Bucket, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """Send a path as it is, by a URL that was presigned for it."""
    keys = bucket.server.keys
    made: Any = AWSRequest(method, f"{bucket.server.url}{path}")
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"])
    S3SigV4QueryAuth(credentials, "s3", "us-east-1").add_auth(made)
    parts = urlsplit(made.url)
    connection = http.client.HTTPConnection("127.0.0.1", bucket.server.port, timeout=60)
    headers = {"Content-MD5": _md5(body)} if method == "POST" or "?" in path else {}
    connection.request(method, f"{quote(parts.path, safe='/%')}?{parts.query}", body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
