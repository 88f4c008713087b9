"""Uploads by HTML form: what boto3 signs is taken, and nothing its policy does not allow."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.s3.bucket import Bucket, make

if TYPE_CHECKING:
    from tests.conftest import Server

BOUNDARY = "----form"
HEAD = b"------form\r\nContent-Disposition: form-data"


@dataclass(frozen=True)
class Signing(Bucket):
    """A bucket with a client that signs forms by one version of the signature."""

    signer: Any


@pytest.fixture(scope="module", params=["s3v4", "s3"])
def bucket(server: Server, request: pytest.FixtureRequest) -> Signing:
    """A bucket, and a signer by one version of the signature or the other."""
    signer = server.client("s3", config={"signature_version": request.param})
    made = make(server)
    return Signing(made.name, server, made.s3, signer)


def _post(
    bucket: Signing, fields: dict[str, str], content: bytes, end: bytes = b"--\r\n"
) -> tuple[int, dict[str, str], bytes]:
    return _send(bucket, _body(fields, content, end))


def _body(fields: dict[str, str], content: bytes, end: bytes = b"--\r\n") -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="cat.png"\r\n'
    body = b"".join(parts) + file.encode() + b"Content-Type: image/png\r\n\r\n" + content
    return body + f"\r\n--{BOUNDARY}".encode() + end


def _send(
    bucket: Signing, body: bytes, below: str = "", path: str = "", **more: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", bucket.server.port, timeout=90)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **more}
    connection.request("POST", path or f"/{bucket.name}{below}", body, headers)
    answer = connection.getresponse()
    told = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return told


def _signed(bucket: Signing, key: str = "k", **options: Any) -> dict[str, str]:
    fields: dict[str, str] = bucket.signer.generate_presigned_post(bucket.name, key, **options)["fields"]
    return fields


@pytest.mark.parametrize("size", [0, 1, 70_000, 3 << 20])
def test_a_form_makes_an_object(bucket: Signing, size: int) -> None:
    content = b"\r\n--" * (size // 4) + b"x" * (size % 4)
    fields = _signed(bucket, f"up/{size}")
    status, headers, body = _post(bucket, fields, content)
    assert (status, body) == (204, b"")
    got = bucket.s3.get_object(Bucket=bucket.name, Key=f"up/{size}")
    assert got["Body"].read() == content
    assert headers["etag"] == got["ETag"]
    assert headers["location"].endswith(f"/{bucket.name}/up/{size}")


def test_fields_become_headers_and_the_file_names_the_key(bucket: Signing) -> None:
    extra = {"Content-Type": "image/png", "x-amz-meta-a": "b", "success_action_status": "201"}
    extra["tagging"] = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"
    conditions = [{name: value} for name, value in extra.items() if name != "Content-Type"]
    conditions.append(["starts-with", "$Content-Type", "image/"])  # type: ignore[arg-type]  # another form
    fields = _signed(bucket, "dir/${filename}", Fields=extra, Conditions=conditions)
    status, _, body = _post(bucket, fields, b"meow")
    assert status == 201
    assert b"<Key>dir/cat.png</Key>" in body
    got = bucket.s3.head_object(Bucket=bucket.name, Key="dir/cat.png")
    assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("image/png", {"a": "b"}, 1)


def test_a_form_may_lead_elsewhere(bucket: Signing) -> None:
    extra = {"success_action_redirect": "https://example.com/done?x=1"}
    fields = _signed(bucket, Fields=extra, Conditions=[extra])
    status, headers, _ = _post(bucket, fields, b"x")
    assert status == 303
    assert headers["location"].startswith(f"https://example.com/done?x=1&bucket={bucket.name}&key=k&etag=")


@pytest.mark.parametrize("target", ["done", "https://e.com/\u4e2d", "https://e.com\n", "https://e.com\r\n"])
def test_what_is_no_address_leads_nowhere(bucket: Signing, target: str) -> None:
    fields = _signed(bucket, Conditions=[["starts-with", "$success_action_redirect", ""]])
    status, headers, _ = _post(bucket, {**fields, "success_action_redirect": target}, b"x")
    assert (status, headers["location"].endswith(f"/{bucket.name}/k")) == (204, True)


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"key": "other"}, b"AccessDenied", 403),
        ({"x-amz-meta-more": "1"}, b"Extra input fields: x-amz-meta-more", 403),
        ({"policy": "e30="}, b"SignatureDoesNotMatch", 403),
        ({"policy": ""}, b"AccessDenied", 403),
    ],
)
def test_what_was_not_signed_is_refused(
    bucket: Signing, change: dict[str, str], code: bytes, status: int
) -> None:
    got, _, body = _post(bucket, {**_signed(bucket), **change}, b"x")
    assert (got, code in body) == (status, True)


def test_the_address_names_the_bucket_and_no_part_of_the_key(bucket: Signing) -> None:
    fields = _signed(bucket, "k")
    body = _body(fields, b"x")
    for below, more in (("/private", {}), ("%2Fprivate", {}), ("", {"Host": "other.s3.localhost"})):
        status, _, told = _send(bucket, body, below, **more)
        assert (status, b"MethodNotAllowed" in told) == (405, True), (below, told)
    assert "Contents" not in bucket.s3.list_objects_v2(Bucket=bucket.name, Prefix="private")
    with_host = {"Host": f"{bucket.name}.s3.localhost"}
    assert _send(bucket, body, path="/", **with_host)[0] == 204
    assert bucket.s3.get_object(Bucket=bucket.name, Key="k")["Body"].read() == b"x"


def test_a_size_that_is_no_number_is_refused(bucket: Signing) -> None:
    fields = _signed(bucket, "k", Conditions=[["content-length-range", "0", "\u00b2"]])
    status, _, body = _post(bucket, fields, b"x")
    assert (status, b"Invalid Policy" in body) == (400, True), body


def test_an_expired_policy_is_refused(bucket: Signing) -> None:
    status, _, body = _post(bucket, _signed(bucket, ExpiresIn=-1), b"x")
    assert (status, b"Policy expired" in body) == (403, True)


@pytest.mark.parametrize(("size", "code"), [(4, b"EntityTooSmall"), (11, b"EntityTooLarge")])
def test_the_size_is_what_the_policy_allows(bucket: Signing, size: int, code: bytes) -> None:
    fields = _signed(bucket, Conditions=[["content-length-range", 5, 10]])
    status, _, body = _post(bucket, fields, b"x" * size)
    assert (status, code in body) == (400, True)
    assert _post(bucket, fields, b"x" * 7)[0] == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", b"InvalidArgument"),
        (b"no form at all", b"InvalidArgument"),
        (b"x" * 100_000, b"MaxPostPreDataLengthExceeded"),
        (
            b'------form\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n------form--\r\n',
            b"InvalidArgument",
        ),
        (
            b"------form\r\nContent-Disposition: form-data\r\n\r\nk\r\n------form--\r\n",
            b"MalformedPOSTRequest",
        ),
        (
            b'------form\r\nContent-Disposition: form-data; name="key"\r\n\r\n\xff\r\n------form\r\n',
            b"Malformed",
        ),
    ],
)
def test_a_body_that_is_no_form_is_refused(bucket: Signing, body: bytes, code: bytes) -> None:
    status, _, told = _send(bucket, body)
    assert (status, code in told) == (400, True)


def test_a_form_that_breaks_off_leaves_nothing(bucket: Signing) -> None:
    fields = _signed(bucket, "broken")
    parts = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    status, _, told = _send(bucket, (parts + file).encode() + b"x" * 100_000)
    assert (status, b"MalformedPOSTRequest" in told) == (400, True)
    assert bucket.refused("get_object", Key="broken") == ("NoSuchKey", 404)
    assert list(bucket.server.stores.objects.staging.iterdir()) == []
