"""Presigned URLs of the old kind: botocore signs, we verify, and every flipped byte is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from clary.core.errors import ApiError
from clary.core.principal import Credential, Principal
from clary.gateway import sigv2
from clary.wire.message import Headers, HttpRequest

PRINCIPAL = Principal(account="000000000000", arn="arn", user_id="AIDA", grants="arn", kind="user")
URLS = [
    "http://127.0.0.1:9229/a-bucket/a%20key%23%3F/%C3%BC",
    "http://127.0.0.1:9229/a-bucket/k?response-content-type=text%2Fplain&response-expires=x%20y",
    "http://127.0.0.1:9229/a-bucket/k?uploadId=u&partNumber=7",
    "http://127.0.0.1:9229/a-bucket?delete",
]


def _presigned(
    url: str, method: str = "GET", token: str | None = None, headers: dict[str, str] | None = None
) -> HttpRequest:
    signed = AWSRequest(method, url, headers=headers or {})
    signed.auth_path = None
    HmacV1QueryAuth(Credentials("AKIAEXAMPLE", "secret", token), expires=60).add_auth(signed)
    parts = urlsplit(str(signed.url))
    sent = Headers([("host", parts.netloc)])
    return HttpRequest(method=method, path=parts.path, query=parts.query, headers=sent)


def _find(access_key: str, token: str | None) -> Credential | None:
    if access_key != "AKIAEXAMPLE":
        return None
    return Credential(access_key=access_key, secret="secret", principal=PRINCIPAL, token=token)


def _verify(request: HttpRequest, now: datetime | None = None) -> str:
    hoisted = HttpRequest(
        method=request.method, path=request.path, query=request.query, headers=sigv2.hoist(request)
    )
    signed = sigv2.verify(hoisted, _find, now or datetime.now(UTC), "us-east-1")
    return signed.credential.access_key


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("token", [None, "a/token+=="])
def test_what_botocore_presigns_verifies(url: str, token: str | None) -> None:
    request = _presigned(url, token=token)
    assert sigv2.presigned(request)
    assert _verify(request) == "AKIAEXAMPLE"


def test_signed_headers_travel_in_the_query() -> None:
    request = _presigned(URLS[0], "PUT", headers={"Content-Type": "a/b", "x-amz-meta-m": "1"})
    assert _verify(request) == "AKIAEXAMPLE"
    headers = sigv2.hoist(request)
    assert (headers.get("content-type"), headers.get("x-amz-meta-m")) == ("a/b", "1")


@pytest.mark.parametrize("url", URLS)
def test_a_changed_request_is_refused(url: str) -> None:
    request = _presigned(url)
    changed = [
        HttpRequest(method="PUT", path=request.path, query=request.query, headers=request.headers),
        HttpRequest(method="GET", path=f"{request.path}x", query=request.query, headers=request.headers),
        HttpRequest(method="GET", path=request.path, query=f"{request.query}&acl", headers=request.headers),
        HttpRequest(
            method="GET",
            path=request.path,
            query=request.query,
            headers=Headers([*request.headers, ("x-amz-meta-m", "1")]),
        ),
        HttpRequest(
            method="GET",
            path=request.path,
            query=request.query.replace("Expires=1", "Expires=2"),
            headers=request.headers,
        ),
    ]
    for each in changed:
        with pytest.raises(ApiError) as caught:
            _verify(each)
        assert caught.value.code == "SignatureDoesNotMatch"


def test_a_query_key_the_signature_does_not_cover_is_refused() -> None:
    request = _presigned("http://127.0.0.1:9229/a-bucket")
    for added in ("encryption", "prefix=secret/", "Action=ListUsers", "acl=1&acl=2", ""):
        changed = HttpRequest(
            method="GET", path=request.path, query=f"{request.query}&{added}", headers=request.headers
        )
        with pytest.raises(ApiError) as caught:
            _verify(changed)
        assert caught.value.code == "InvalidRequest"


def test_an_old_url_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        _verify(_presigned(URLS[0]), datetime.now(UTC) + timedelta(minutes=2))
    assert caught.value.message == "Request has expired"


def test_an_unknown_key_is_refused() -> None:
    request = _presigned(URLS[0])
    request.query = request.query.replace("AKIAEXAMPLE", "AKIASTRANGER")
    with pytest.raises(ApiError) as caught:
        _verify(request)
    assert caught.value.code == "InvalidAccessKeyId"


def test_other_requests_are_not_taken_for_presigned() -> None:
    for query in ("", "AWSAccessKeyId=x", "X-Amz-Algorithm=AWS4-HMAC-SHA256", "Signature=x&Expires=1"):
        assert not sigv2.presigned(HttpRequest(method="GET", path="/b/k", query=query))
