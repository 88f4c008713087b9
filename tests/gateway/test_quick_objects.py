"""The short way of small objects answers as the chain does, and hands back what it must not decide."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.conftest import Server

SAME = ("x-amz-request-id", "x-amz-id-2", "date")


@pytest.fixture(scope="module")
def bucket(server: Server) -> str:
    """A bucket of this module's own."""
    name = f"quick-{uuid4().hex[:12]}"
    server.client("s3").create_bucket(Bucket=name)
    return name


@pytest.mark.parametrize("size", [0, 1, 4096, 32 << 10, (32 << 10) + 1, 64 << 10, (64 << 10) + 1])
def test_both_ways_answer_alike(server: Server, bucket: str, size: int) -> None:
    body = b"x" * size
    put = server.client("s3").put_object(Bucket=bucket, Key=f"k{size}", Body=body, Metadata={"a": "b"})
    short, long = _both(server, "GET", f"/{bucket}/k{size}")
    assert short == long
    assert (short[2], short[1]["etag"]) == (body, put["ETag"])
    short, long = _both(server, "HEAD", f"/{bucket}/k{size}")
    assert short == long
    assert short[1]["content-length"] == str(size)


def test_an_answer_follows_every_change(server: Server, bucket: str) -> None:
    s3 = server.client("s3")
    for number in range(5):
        s3.put_object(Bucket=bucket, Key="changes", Body=b"%d" % number, ContentType=f"text/x{number}")
        got = s3.get_object(Bucket=bucket, Key="changes")
        assert (got["Body"].read(), got["ContentType"]) == (b"%d" % number, f"text/x{number}")
        s3.put_object_tagging(
            Bucket=bucket, Key="changes", Tagging={"TagSet": [{"Key": "n", "Value": str(number)}]}
        )
        assert s3.get_object(Bucket=bucket, Key="changes")["TagCount"] == 1
    s3.delete_object(Bucket=bucket, Key="changes")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="changes")


def test_a_policy_that_comes_later_is_asked(server: Server, bucket: str) -> None:
    s3, name = server.client("s3"), f"quick-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    s3.get_object(Bucket=name, Key="k")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{name}/*",
    }
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    with pytest.raises(ClientError, match="explicit deny"):
        s3.get_object(Bucket=name, Key="k")
    s3.delete_bucket_policy(Bucket=name)
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x"


def test_a_user_is_held_to_a_policy_with_conditions(server: Server, bucket: str) -> None:
    iam, name = server.client("iam"), f"quick-{uuid4().hex[:8]}"
    server.client("s3").put_object(Bucket=bucket, Key="mine", Body=b"x")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    s3 = server.client("s3", keys=key)
    arn = f"arn:aws:s3:::{bucket}/*"
    for agent, allowed in (("no-such-agent", False), ("*Botocore*", True)):
        statement = {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": arn,
            "Condition": {"StringLike": {"aws:UserAgent": agent}},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
        for call, more in ((s3.get_object, {}), (s3.put_object, {"Body": b"y"})):
            assert _allowed(call, Bucket=bucket, Key="mine", **more) is allowed


def test_callers_that_put_at_once_all_get_what_they_put(server: Server, bucket: str) -> None:
    s3 = server.client("s3", config={"max_pool_connections": 16})

    def put(number: int) -> bool:
        body = b"%d" % number
        s3.put_object(Bucket=bucket, Key=f"many/{number}", Body=body)
        return bool(s3.get_object(Bucket=bucket, Key=f"many/{number}")["Body"].read() == body)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(put, range(200)))


def test_every_call_leaves_one_line(server: Server, bucket: str) -> None:
    s3, key = server.client("s3"), f"audit-{uuid4().hex}"
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.get_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError):
        s3.get_object(Bucket=bucket, Key=f"{key}-absent")
    mine = server.audited(key, 3)
    assert sorted((line["operation"], line["status"], line["error"]) for line in mine) == [
        ("GetObject", 200, ""),
        ("GetObject", 404, "NoSuchKey"),
        ("PutObject", 200, ""),
    ]


@pytest.mark.parametrize(
    "path", ["/", "//", "/b", "/%00/k", "/../k", "/b/../../etc", "/%ff/k", "/b/%ff", "/b/%ed%a0%80"]
)
def test_odd_paths_are_the_callers_fault(server: Server, bucket: str, path: str) -> None:
    for method in ("GET", "PUT", "HEAD"):
        status, _, _ = _send(server, method, path.replace("/b", f"/{bucket}"))
        assert status < 500


def _allowed(call: Any, **request: Any) -> bool:
    try:
        call(**request)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"
        return False
    return True


def _both(server: Server, method: str, path: str) -> list[tuple[int, dict[str, str], bytes]]:
    """Answer a request by the short way, and by the long one: a browser's origin is not for the short way."""
    return [_send(server, method, path), _send(server, method, path, Origin="https://example.com")]


def _send(server: Server, method: str, path: str, **more: str) -> tuple[int, dict[str, str], bytes]:
    made = AWSRequest(method, f"http://127.0.0.1:{server.port}{path}")
    keys = Credentials(server.keys["AccessKeyId"], server.keys["SecretAccessKey"])
    S3SigV4Auth(keys, "s3", "us-east-1").add_auth(made)
    fields = {"Host": f"127.0.0.1:{server.port}", **dict(made.headers.items()), **more, "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=90) as line:
        line.sendall(f"{method} {path} HTTP/1.1\r\n{head}Content-Length: 0\r\n\r\n".encode())
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    start, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = start.decode().split("\r\n")
    headers = dict(field.lower().split(": ", 1) for field in rest)
    told = {name: value for name, value in headers.items() if name not in SAME}
    return int(first.split()[1]), told, body
