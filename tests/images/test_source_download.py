"""The toolkit's S3 GET: signed as botocore signs, with the credentials a container is given."""

from __future__ import annotations

import datetime
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.images.container import Container
from toolkit.failure import UserError

from toolkit import s3

NOON = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.UTC)


class Storage(ThreadingHTTPServer):
    """Answers credentials and one object; remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.object = b""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Storage

    def do_GET(self) -> None:
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        if self.path == "/credentials/1":
            body = json.dumps(
                {"AccessKeyId": "ASIA1", "SecretAccessKey": "secret", "Token": "token"}
            ).encode()
        else:
            body = self.server.object
        self.send_response(200 if body else 404)
        body = body or b"<Error><Code>NoSuchKey</Code></Error>"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def storage() -> Iterator[Storage]:
    server = Storage()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("token", ["", "a/token+="])
@pytest.mark.parametrize("path", ["/bucket/key", "/bucket/a%20b/%2B%C3%A9~.tar.gz"])
def test_the_signature_is_botocores(token: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Clock:
            return cls(2026, 11, 23, 12, 0, tzinfo=tz)

        @classmethod
        def utcnow(cls) -> Clock:
            return cls(2026, 11, 23, 12, 0)

    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: Clock.utcnow())
    request = AWSRequest("GET", f"http://store:9229{path}")
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(Credentials("AKIA1", "secret", token or None), "s3", "eu-west-1").add_auth(request)
    ours = s3.sign("GET", "store:9229", path, "eu-west-1", s3.Credentials("AKIA1", "secret", token), NOON)
    assert ours["authorization"] == request.headers["Authorization"]


def test_a_source_in_s3_is_fetched_with_the_containers_credentials(
    container: Container, storage: Storage
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        script = b"print('from s3')\n"
        info = tarfile.TarInfo("train.py")
        info.size = len(script)
        tar.addfile(info, io.BytesIO(script))
    storage.object = buffer.getvalue()
    container.configure(
        {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": '"s3://my-bucket/a b/sourcedir.tar.gz"',
        }
    )
    code, said = container.run(
        AWS_ENDPOINT_URL_S3=storage.url,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{storage.url}/credentials/1",
        AWS_CONTAINER_AUTHORIZATION_TOKEN="mine",
        AWS_REGION="eu-west-1",
    )
    assert (code, said) == (0, "from s3\n")
    (_, first), (path, second) = storage.asked
    assert first["authorization"] == "mine"
    assert path == "/my-bucket/a%20b/sourcedir.tar.gz"
    assert second["x-amz-security-token"] == "token"
    assert "Credential=ASIA1/" in second["authorization"]
    assert "/eu-west-1/s3/aws4_request" in second["authorization"]


def test_a_source_that_is_not_there_is_named_with_what_the_store_said(
    storage: Storage, tmp_path: Path
) -> None:
    environment = {"AWS_ENDPOINT_URL": storage.url, "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s"}
    with pytest.raises(UserError, match=r"s3://b/k failed with status 404: .*NoSuchKey"):
        s3.download("s3://b/k", tmp_path / "k", environment)


def test_without_credentials_the_failure_names_the_variables() -> None:
    with pytest.raises(UserError, match="neither AWS_ACCESS_KEY_ID nor AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        s3.credentials({})
