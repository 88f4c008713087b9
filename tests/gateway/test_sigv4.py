"""What is accepted and refused, with requests that botocore's own signers made."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.gateway.captured import CREDENTIAL, SESSION, as_received, client, presigned, sent

from clary.core.errors import ApiError
from clary.core.principal import Credential
from clary.gateway import sigv4
from clary.wire.message import Headers, HttpRequest

KEYS = {credential.access_key: credential for credential in (CREDENTIAL, SESSION)}
AWKWARD = "a folder/ü ~+*'()!$&,;=:@?#[]%20 \N{PILE OF POO}.txt"
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("sagemaker", "list_training_jobs", {"NameContains": "a"}),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "an-endpoint", "Body": b"1,2,3"}),
    ("sts", "get_caller_identity", {}),
    ("iam", "get_role", {"RoleName": "a+b=c"}),
    ("logs", "describe_log_streams", {"logGroupName": "/aws/sagemaker/TrainingJobs"}),
    ("cloudwatch", "list_metrics", {}),
    ("s3", "list_buckets", {}),
    ("s3", "list_objects_v2", {"Bucket": "a-bucket", "Prefix": AWKWARD, "Delimiter": "/"}),
    ("s3", "get_object", {"Bucket": "a-bucket", "Key": AWKWARD}),
    ("s3", "get_object", {"Bucket": "a-bucket", "Key": "../a//b/./c"}),
    ("s3", "put_object", {"Bucket": "a-bucket", "Key": AWKWARD, "Body": b"x", "Metadata": {"a": " b  c "}}),
    ("s3", "upload_part", {"Bucket": "b", "Key": "k", "UploadId": "x/+=", "PartNumber": 1, "Body": b""}),
]


def verify(request: HttpRequest, now: datetime | None = None, **how: Any) -> sigv4.Signed:
    return sigv4.verify(request, KEYS.get, now or datetime.now(UTC), **how)


def refusal(request: HttpRequest, now: datetime | None = None) -> ApiError:
    with pytest.raises(ApiError) as refused:
        verify(request, now)
    return refused.value


def get(service: str = "sagemaker") -> HttpRequest:
    call = {"sagemaker": "list_models", "sts": "get_caller_identity", "s3": "list_buckets"}[service]
    return sent(client(service), call)


@pytest.mark.parametrize("credential", [CREDENTIAL, SESSION], ids=["key", "session"])
@pytest.mark.parametrize("url", ["https://127.0.0.1:9229", "http://localhost:80"])
@pytest.mark.parametrize(("service", "method", "parameters"), CALLS)
def test_calls_of_boto3_verify(
    credential: Credential, url: str, service: str, method: str, parameters: dict[str, Any]
) -> None:
    request = sent(client(service, url, credential), method, **parameters)
    signed = verify(request)
    assert signed.credential is credential
    assert signed.region == "eu-west-1"
    assert not signed.presigned


@pytest.mark.parametrize("credential", [CREDENTIAL, SESSION], ids=["key", "session"])
@pytest.mark.parametrize("key", ["plain", AWKWARD, "../a//b"])
def test_presigned_urls_of_boto3_verify_until_they_expire(credential: Credential, key: str) -> None:
    made = client("s3", credential=credential, signature_version="s3v4")
    url = made.generate_presigned_url("get_object", {"Bucket": "b", "Key": key}, ExpiresIn=60)
    now = datetime.now(UTC)
    assert verify(presigned(url), now + timedelta(seconds=50)).mode == "unsigned"
    over = refusal(presigned(url), now + timedelta(seconds=62))
    assert (over.code, over.status, over.message) == ("AccessDenied", 403, "Request has expired")


def test_a_presigned_sts_url_verifies() -> None:
    url = client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    assert verify(presigned(url)).service == "sts"


def test_a_signature_in_the_date_header_verifies() -> None:
    made = AWSRequest("GET", "https://example.com/", headers={"Date": "Mon, 09 Sep 2011 23:36:00 GMT"})
    SigV4Auth(Credentials(CREDENTIAL.access_key, CREDENTIAL.secret), "host", "eu-west-1").add_auth(made)
    assert verify(as_received(made.prepare())).service == "host"


def test_an_authorization_header_may_order_its_parts_differently() -> None:
    request = get()
    algorithm, _, rest = (request.headers.get("authorization") or "").partition(" ")
    parts = [part.strip() for part in rest.split(",")]
    request.headers.set("authorization", f"{algorithm} {','.join(reversed(parts))}")
    assert verify(request).service == "sagemaker"


def test_peek_tells_the_scope_of_what_it_does_not_believe() -> None:
    request = get()
    request.headers.set("x-amz-date", "19700101T000000Z")
    scope = sigv4.peek(request)
    assert scope is not None and (scope.service, scope.region) == ("sagemaker", "eu-west-1")
    assert sigv4.peek(HttpRequest(method="GET", path="/")) is None
    broken = HttpRequest(method="GET", path="/", headers=Headers([("Authorization", "AWS4-HMAC-SHA256 x")]))
    assert sigv4.peek(broken) is None


@pytest.mark.parametrize(
    ("service", "minutes", "code", "status", "words"),
    [
        ("sagemaker", 6, "InvalidSignatureException", 400, "- 5 min.)"),
        ("sagemaker", -6, "InvalidSignatureException", 400, "Signature not yet current"),
        ("sts", 16, "SignatureDoesNotMatch", 403, "- 15 min.)"),
        ("s3", 16, "RequestTimeTooSkewed", 403, "too large"),
        ("s3", -16, "RequestTimeTooSkewed", 403, "too large"),
    ],
)
def test_a_clock_too_far_off_is_refused(
    service: str, minutes: int, code: str, status: int, words: str
) -> None:
    error = refusal(get(service), datetime.now(UTC) + timedelta(minutes=minutes))
    assert (error.code, error.status) == (code, status)
    assert words in error.message


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("sagemaker", "UnrecognizedClientException", 400),
        ("sts", "InvalidClientTokenId", 403),
        ("s3", "InvalidAccessKeyId", 403),
    ],
)
def test_an_unknown_key_is_refused(service: str, code: str, status: int) -> None:
    with pytest.raises(ApiError) as refused:
        sigv4.verify(get(service), lambda key: None, datetime.now(UTC))
    assert (refused.value.code, refused.value.status) == (code, status)


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("sagemaker", "InvalidSignatureException"),
        ("sts", "SignatureDoesNotMatch"),
        ("s3", "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_secret_is_refused_with_what_should_have_been_signed(service: str, code: str) -> None:
    other = replace(CREDENTIAL, secret="another")
    request = get(service)
    with pytest.raises(ApiError) as refused:
        sigv4.verify(request, lambda key: other, datetime.now(UTC))
    assert refused.value.code == code
    assert "AWS4-HMAC-SHA256" in str(refused.value.members or refused.value.message)


def test_a_session_key_needs_its_token() -> None:
    request = sent(client("sagemaker", credential=SESSION), "list_models")
    stripped = Headers([field for field in request.headers if field[0] != "x-amz-security-token"])
    assert refusal(replace(request, headers=stripped)).code == "UnrecognizedClientException"
    other = Headers([*stripped, ("x-amz-security-token", "another")])
    assert refusal(replace(request, headers=other)).code == "UnrecognizedClientException"


def test_a_session_that_is_over_is_refused() -> None:
    now = datetime.now(UTC)
    over = replace(CREDENTIAL, expires=now - timedelta(seconds=1))
    for service, code in (("sagemaker", "ExpiredTokenException"), ("s3", "ExpiredToken")):
        with pytest.raises(ApiError) as refused:
            sigv4.verify(get(service), lambda key: over, now)
        assert refused.value.code == code


def test_a_changed_body_is_refused() -> None:
    request = sent(client("sagemaker"), "list_models")
    assert refusal(replace(request, body=b"{} ")).code == "InvalidSignatureException"
    upload = sent(client("s3", "http://localhost"), "put_object", Bucket="b", Key="k", Body=b"abc")
    assert refusal(replace(upload, body=b"abd")).code == "XAmzContentSHA256Mismatch"


def test_a_body_that_follows_is_held_against_its_digest() -> None:
    upload = sent(client("s3", "http://localhost"), "put_object", Bucket="b", Key="k", Body=b"abc")
    signed = verify(replace(upload, body=b""), body_follows=True)
    signed.check_body(sha256(b"abc").digest())
    with pytest.raises(ApiError) as refused:
        signed.check_body(sha256(b"abd").digest())
    assert refused.value.code == "XAmzContentSHA256Mismatch"


def test_headers_that_change_what_is_asked_must_be_signed() -> None:
    request = get("s3")
    request.headers.add("x-amz-acl", "public-read")
    error = refusal(request)
    assert (error.code, error.members["HeadersNotSigned"]) == ("AccessDenied", "x-amz-acl")


def test_an_unsigned_body_of_s3_is_told_apart() -> None:
    request = sent(
        client("s3", "https://localhost", s3={"payload_signing_enabled": False}),
        "put_bucket_policy",
        Bucket="b",
        Policy="{}",
    )
    assert request.headers.get("x-amz-content-sha256") == "UNSIGNED-PAYLOAD"
    assert verify(request).mode == "unsigned"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "AccessDenied"),
        ("Bearer x", "InvalidRequest"),
        ("AWS AKIA:signature", "InvalidRequest"),
        ("AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=a/b/c", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=a/20260101/r/s3/aws4_request, SignedHeaders=host, Signature=zz", ""),
    ],
)
def test_garbage_in_the_authorization_header_is_refused(authorization: str, code: str) -> None:
    headers = Headers([("Host", "localhost")] + ([("Authorization", authorization)] if authorization else []))
    error = refusal(HttpRequest(method="GET", path="/", headers=headers))
    assert error.code == (code or "AuthorizationHeaderMalformed")
    assert 400 <= error.status < 500


@pytest.mark.parametrize(
    "change",
    [
        ("X-Amz-Expires=60", "X-Amz-Expires=604801"),
        ("X-Amz-Expires=60", "X-Amz-Expires=-1"),
        ("X-Amz-Expires=60", "X-Amz-Expires=\N{ARABIC-INDIC DIGIT ONE}"),
        ("X-Amz-Date=2", "X-Amz-Date=x"),
        ("X-Amz-Credential=", "X-Amz-Credential=x"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="),
        ("X-Amz-Signature=", "X-Amz-Signature=g"),
        ("X-Amz-Algorithm=AWS4", "X-Amz-Algorithm=AWS5"),
    ],
)
def test_garbage_in_a_presigned_url_is_refused(change: tuple[str, str]) -> None:
    made = client("s3", signature_version="s3v4")
    url = made.generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"}, ExpiresIn=60)
    assert change[0] in url
    error = refusal(presigned(url.replace(*change)))
    assert 400 <= error.status < 500


def test_two_ways_to_sign_at_once_are_refused() -> None:
    made = client("s3", signature_version="s3v4")
    request = presigned(made.generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"}))
    request.headers.add("Authorization", "AWS4-HMAC-SHA256 x")
    assert refusal(request).code == "InvalidArgument"
