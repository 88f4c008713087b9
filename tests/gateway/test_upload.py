"""Uploads go to disk, hold against what was signed, and leave nothing behind when they do not."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import urllib.request
from typing import TYPE_CHECKING

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

BUCKET = "sagemaker-us-east-1-000000000000"
LARGE = os.urandom(1 << 20) * 5 + b"tail"


def staged(server: Server) -> list[str]:
    """Name what lies in staging."""
    return [path.name for path in server.parts.objects.staging.iterdir()]


class Claiming(S3SigV4Auth):
    """A signer that signs the digest it is told, whatever the body is."""

    digest = ""

    def payload(self, request: AWSRequest) -> str:
        return self.digest


def signed_head(server: Server, key: str, digest: str, **headers: str) -> bytes:
    """Return the head of a signed PutObject that claims a body of this digest."""
    request = AWSRequest("PUT", f"{server.url}/{BUCKET}/{key}", headers=dict(headers))
    keys = Credentials(server.keys["AccessKeyId"], server.keys["SecretAccessKey"])
    signer = Claiming(keys, "s3", "us-east-1")
    signer.digest = digest
    signer.add_auth(request)
    lines = [f"PUT /{BUCKET}/{key} HTTP/1.1", f"Host: 127.0.0.1:{server.port}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def converse(server: Server, *pieces: bytes) -> bytes:
    """Send bytes as they are and return the answer's head, or nothing when we hang up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=90) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return connection.recv(65536)


@pytest.mark.parametrize("body", [b"", b"small", LARGE], ids=["empty", "small", "large"])
@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256", "CRC64NVME"])
def test_what_is_put_is_got(server: Server, body: bytes, algorithm: str) -> None:
    s3 = server.client("s3")
    put = s3.put_object(Bucket=BUCKET, Key="round/trip é", Body=io.BytesIO(body), ChecksumAlgorithm=algorithm)
    assert put["ETag"].strip('"') == hashlib.md5(body, usedforsecurity=False).hexdigest()
    got = s3.get_object(Bucket=BUCKET, Key="round/trip é")
    assert got["Body"].read() == body
    assert got.get("ContentEncoding", "") == ""
    assert staged(server) == []


def test_a_range_of_a_large_object_is_streamed(server: Server) -> None:
    s3 = server.client("s3")
    s3.put_object(Bucket=BUCKET, Key="ranged", Body=LARGE)
    got = s3.get_object(Bucket=BUCKET, Key="ranged", Range="bytes=1048570-3145730")
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == LARGE[1048570:3145731]
    assert s3.head_object(Bucket=BUCKET, Key="ranged")["ContentLength"] == len(LARGE)


def test_chunks_with_a_trailing_checksum_are_decoded(server: Server) -> None:
    """Over TLS botocore sends uploads aws-chunked; the redirect is that TLS."""
    s3 = server.client(
        "s3",
        endpoint_url="https://s3.us-east-1.amazonaws.com",
        verify=str(server.home.keys / "ca.pem"),
        config={"proxies": {"https": f"http://127.0.0.1:{server.proxy_port}"}},
    )
    put = s3.put_object(Bucket=BUCKET, Key="chunked", Body=io.BytesIO(LARGE), ContentEncoding="gzip")
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 200
    got = s3.get_object(Bucket=BUCKET, Key="chunked")
    assert got["Body"].read() == LARGE
    assert got["ContentEncoding"] == "gzip"


def test_a_presigned_address_uploads_and_downloads(server: Server) -> None:
    s3 = server.client("s3", config={"signature_version": "s3v4"})
    for operation, method, body in (("put_object", "PUT", b"presigned"), ("get_object", "GET", None)):
        address = s3.generate_presigned_url(operation, {"Bucket": BUCKET, "Key": "presigned"})
        request = urllib.request.Request(address, data=body, method=method)  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310
            assert answer.status == 200
    with urllib.request.urlopen(address, timeout=90) as answer:  # noqa: S310
        assert answer.read() == b"presigned"


def test_a_body_other_than_the_signed_one_is_refused(server: Server) -> None:
    head = signed_head(server, "forged", hashlib.sha256(b"right").hexdigest(), **{"Content-Length": "5"})
    answer = converse(server, head, b"wrong")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"XAmzContentSHA256Mismatch" in answer
    with pytest.raises(ClientError, match="404"):
        server.client("s3").head_object(Bucket=BUCKET, Key="forged")
    assert staged(server) == []


def test_a_client_that_waits_is_told_to_go_on_only_when_it_may(server: Server) -> None:
    digest = hashlib.sha256(b"right").hexdigest()
    waiting = {"Content-Length": "5", "Expect": "100-continue"}
    head = signed_head(server, "waiting", digest, **waiting)
    with socket.create_connection(("127.0.0.1", server.port), timeout=90) as connection:
        connection.sendall(head)
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"right")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    forged = head.replace(b"Signature=", b"Signature=0", 1)[: len(head) + 1]
    answer = converse(server, forged)
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000])
def test_a_length_that_is_no_number_is_refused(server: Server, length: str) -> None:
    digest = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    head = signed_head(server, "odd", digest, **{"x-amz-decoded-content-length": length})
    answer = converse(server, head.replace(b"\xc2\xb2", b"\xb2"))
    assert answer.startswith(b"HTTP/1.1 4"), answer


def test_a_client_that_hangs_up_leaves_nothing_in_staging(server: Server) -> None:
    head = signed_head(server, "cut", "UNSIGNED-PAYLOAD", **{"Content-Length": str(8 << 20)})
    before = sum(1 for _ in (server.home.logs / "audit-0.jsonl").open())
    with socket.create_connection(("127.0.0.1", server.port), timeout=90) as connection:
        connection.sendall(head + LARGE)
    lines: list[str] = []
    while not any("ClientDisconnected" in line for line in lines):  # the test's own limit ends a wait in vain
        lines = (server.home.logs / "audit-0.jsonl").read_text().splitlines()[before:]
    assert staged(server) == []


def test_an_upload_the_caller_may_not_make_is_refused_before_its_body(server: Server) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    with pytest.raises(ClientError) as refused:
        server.client("s3", key).put_object(Bucket=BUCKET, Key="denied", Body=LARGE)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    assert staged(server) == []


def test_a_client_that_leaves_in_the_middle_of_a_download_is_let_go(server: Server) -> None:
    s3 = server.client("s3")
    s3.put_object(Bucket=BUCKET, Key="long", Body=LARGE * 4)
    path = server.home.logs / "audit-0.jsonl"
    before = len(path.read_text().splitlines())
    body = s3.get_object(Bucket=BUCKET, Key="long")["Body"]
    assert body.read(10) == LARGE[:10]
    body.close()
    lines: list[str] = []
    while not any("ClientDisconnected" in line for line in lines):  # the test's own limit ends a wait in vain
        lines = path.read_text().splitlines()[before:]
    assert '"operation":"GetObject"' in "".join(lines)
