"""A GET from S3 with nothing but the standard library: for source archives, before any package is
imported."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import html
import http.client
import json
import os
import re
import shutil
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from toolkit.failure import UserError

EMPTY = hashlib.sha256(b"").hexdigest()
TIMEOUT_SECONDS = 60


class Credentials(NamedTuple):
    """One set of AWS credentials; long-lived ones have no token."""

    key: str
    secret: str
    token: str = ""


def download(uri: str, target: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Fetch `s3://bucket/key` into the file `target`, or raise a UserError that says why not."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    endpoint = _endpoint(region, environment)
    path = f"{endpoint.path.rstrip('/')}/{bucket}/{urllib.parse.quote(key, safe='/-_.~')}"
    headers = sign(
        "GET", endpoint.netloc, path, region, credentials(environment), datetime.datetime.now(datetime.UTC)
    )
    connection = _connect(endpoint)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            said = answer.read(2000).decode(errors="replace")
            raise UserError(_refusal(uri, answer.status, said))
        with target.open("wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
    except (OSError, http.client.HTTPException) as wrong:
        raise UserError(f"Downloading {uri} from {endpoint.geturl()} failed: {wrong}") from wrong
    finally:
        connection.close()


def credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """Find credentials: in the environment, else at the address a container is given for its role."""
    if key := environment.get("AWS_ACCESS_KEY_ID"):
        secret = environment.get("AWS_SECRET_ACCESS_KEY", "")
        return Credentials(key, secret, environment.get("AWS_SESSION_TOKEN", ""))
    address = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if relative := environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        address = address or f"http://169.254.170.2{relative}"
    if not address:
        raise UserError(
            "No AWS credentials: neither AWS_ACCESS_KEY_ID nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set."
        )
    token = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    if file := environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        token = token or Path(file).read_text().strip()
    return _ask(address, {"Authorization": token} if token else {})


def sign(
    method: str, host: str, path: str, region: str, who: Credentials, now: datetime.datetime
) -> dict[str, str]:
    """Sign one S3 request without a body or a query (Signature Version 4)."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": EMPTY, "x-amz-date": stamp}
    if who.token:
        headers["x-amz-security-token"] = who.token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{EMPTY}"
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{who.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode(), "sha256").hexdigest()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={who.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers | {"authorization": authorization}


def _refusal(uri: str, status: int, said: str) -> str:
    found = re.search(r"<Code>(.*?)</Code>(?:.*?<Message>(.*?)</Message>)?", said, re.DOTALL)
    why = html.unescape(": ".join(part for part in found.groups() if part) if found else said.strip())
    return (
        f"Downloading {uri} failed with status {status}: {why.rstrip('.')}. Check that the object is "
        "there and that the role may s3:GetObject it."
    )


def _endpoint(region: str, environment: Mapping[str, str]) -> urllib.parse.SplitResult:
    named = ("S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    given = next((environment[name] for name in named if environment.get(name)), None)
    return urllib.parse.urlsplit(given or f"https://s3.{region}.amazonaws.com")


def _connect(where: urllib.parse.SplitResult) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    return kind(where.netloc, timeout=TIMEOUT_SECONDS)


def _ask(address: str, headers: dict[str, str]) -> Credentials:
    where = urllib.parse.urlsplit(address)
    connection = _connect(where)
    try:
        connection.request("GET", where.path + (f"?{where.query}" if where.query else ""), headers=headers)
        answer = connection.getresponse()
        said = answer.read()
    except OSError as wrong:
        raise UserError(
            f"The credentials at {where.netloc} could not be fetched: {wrong}. Does the job have "
            "EnableNetworkIsolation? Then it has no network: give it its source as an input channel, as the "
            "SageMaker SDK does with enable_network_isolation=True."
        ) from wrong
    finally:
        connection.close()
    if answer.status != 200:
        raise UserError(
            f"The credentials at {address} answered {answer.status}: {said[:300].decode(errors='replace')}"
        )
    found = json.loads(said)
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found.get("Token", ""))
