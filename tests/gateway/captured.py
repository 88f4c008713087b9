"""What boto3 really sends, caught on its way to the network."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from tests.vectors.signing_cases import SOMEBODY

from clary.core.principal import Credential
from clary.wire.message import Headers, HttpRequest

CREDENTIAL = Credential(access_key="AKIAEXAMPLEEXAMPLE00", secret="a secret", principal=SOMEBODY)
SESSION = Credential(
    access_key="ASIAEXAMPLEEXAMPLE00", secret="a secret", principal=SOMEBODY, token="a token/+="
)


class Caught(Exception):
    """Carries a request out of botocore before it leaves."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        super().__init__(request.url)
        self.request = request


def client(
    service: str, url: str = "https://127.0.0.1:9229", credential: Credential = CREDENTIAL, **config: Any
) -> Any:
    """Return a boto3 client whose requests are caught."""
    made = boto3.client(  # type: ignore[call-overload]  # the stubs know services by literal names only
        service,
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id=credential.access_key,
        aws_secret_access_key=credential.secret,
        aws_session_token=credential.token,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )
    made.meta.events.register("before-send", catch)
    return made


def catch(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
    """Stop a request before it is sent."""
    raise Caught(request)


def sent(made: Any, method: str, **parameters: Any) -> HttpRequest:
    """Return the request a call makes."""
    try:
        getattr(made, method)(**parameters)
    except Caught as caught:
        return as_received(caught.request)
    raise AssertionError(f"{method} sent nothing")


def as_received(request: AWSPreparedRequest) -> HttpRequest:
    """Return a botocore request as the gateway gets it: names in lower case, body read, host added."""
    url = urlsplit(request.url)
    fields = [
        (name, value.decode() if isinstance(value, bytes) else str(value))
        for name, value in request.headers.items()
    ]
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    headers = Headers(fields)
    if "host" not in headers:
        headers.add("Host", url.netloc)
    return HttpRequest(
        method=request.method,
        path=url.path or "/",
        query=url.query,
        headers=headers,
        body=body.encode() if isinstance(body, str) else bytes(body),
    )


def presigned(url: str, method: str = "GET") -> HttpRequest:
    """Return the request of somebody who opens a presigned URL."""
    parts = urlsplit(url)
    return HttpRequest(
        method=method, path=parts.path or "/", query=parts.query, headers=Headers([("Host", parts.netloc)])
    )
