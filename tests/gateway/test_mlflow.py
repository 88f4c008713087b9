"""The way to MLflow servers: who may, what a browser's session is worth, what is not passed on."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from clary.operations.permissions.mlflow import GRAPHQL, action_of
from clary.operations.studio import mlflow_url
from clary.resources.studio.mlflow import MLFLOW_APP, MLFLOW_TRACKING_SERVER
from clary.store.keys import MasterKey
from clary.store.record import Record

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
SEARCH = "/api/2.0/mlflow/runs/search"


class Echo(BaseHTTPRequestHandler):
    """Stands for MLflow: says what it was asked, and sets what must not get through."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        said = {"path": self.path, "headers": dict(self.headers), "body": self.rfile.read(length).decode()}
        content = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.send_header("x-frame-options", "SAMEORIGIN")
        self.send_header("set-cookie", "mine=1")
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def address_string(self) -> str:
        return "local"

    def log_message(self, format: str, *args: object) -> None:
        return


class Echoes(ThreadingUnixStreamServer):
    """Serves Echo; connections that the gateway keeps do not hold up its end."""

    daemon_threads = True
    block_on_close = False


@pytest.fixture(scope="module")
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("mlflow") / "s"
    echo = Echoes(str(path), Echo)
    thread = threading.Thread(target=echo.serve_forever)
    thread.start()
    yield path
    echo.shutdown()
    thread.join(90)
    echo.server_close()


@pytest.fixture(scope="module")
def tracking(server: Server, socket_path: Path) -> Record:
    """A tracking server that is said to answer."""
    records = server.parts.records.scoped(ACCOUNT, "us-east-1")
    doc = {"TrackingServerName": "gateway-way", "ArtifactStoreUri": "s3://b/x", "RoleArn": ROLE}
    arn = records.arn(MLFLOW_TRACKING_SERVER, doc)
    more = {"TrackingServerArn": arn, "TrackingServerStatus": "Created", "_Socket": str(socket_path)}
    return records.create(MLFLOW_TRACKING_SERVER, {**doc, **more})


def send(server: Server, method: str, target: str, headers: dict[str, str], body: str = "") -> Any:
    """Send one request; return status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
    connection.request(method, target, body or None, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def signed(
    server: Server, arn: str, keys: dict[str, str] | None = None, *, path: str = SEARCH, app: bool = False
) -> Any:
    """Post to a server as the plugin does."""
    keys = keys or server.keys
    name = "x-sm-mlflow-app-arn" if app else "x-mlflow-sm-tracking-server-arn"
    headers = {name: arn, "content-type": "application/json", "x-mine": "kept"}
    request = AWSRequest("POST", server.url + path, data=b"{}", headers=headers)
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    service = "sagemaker" if app else "sagemaker-mlflow"
    SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    return send(server, "POST", path, dict(request.headers.items()), "{}")


def user(server: Server, name: str, *actions: str) -> dict[str, str]:
    """Make a user who may do a few things."""
    iam = server.client("iam")
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    key: dict[str, str] = iam.create_access_key(UserName=name)["AccessKey"]
    return key


def test_a_signed_request_is_passed_on_without_what_names_the_caller(
    server: Server, tracking: Record
) -> None:
    status, headers, content = signed(server, tracking.arn)
    assert status == 200, content
    said = json.loads(content)
    assert (said["path"], said["body"]) == (SEARCH, "{}")
    sent = {name.lower(): value for name, value in said["headers"].items()}
    assert (sent["host"], sent["x-mine"]) == ("localhost", "kept")
    assert not [name for name in sent if name == "authorization" or name.startswith("x-amz-")]
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "set-cookie" not in headers


def test_an_action_that_no_policy_allows_is_refused_in_mlflows_words(
    server: Server, tracking: Record
) -> None:
    keys = user(server, "mlflow-reader", "sagemaker-mlflow:SearchRuns")
    assert signed(server, tracking.arn, keys)[0] == 200
    status, _, content = signed(server, tracking.arn, keys, path="/api/2.0/mlflow/runs/log-metric")
    told = json.loads(content)
    assert (status, told["error_code"]) == (403, "PERMISSION_DENIED")
    assert "sagemaker-mlflow:LogMetric" in told["message"]
    assert signed(server, tracking.arn, keys, path="/api/3.0/mlflow/scorers/register")[0] == 403


def test_a_signature_that_is_wrong_and_a_server_that_is_not_there(server: Server, tracking: Record) -> None:
    wrong = {**server.keys, "SecretAccessKey": "x" * 40}
    assert signed(server, tracking.arn, wrong)[0] == 403
    status, _, content = signed(server, tracking.arn + "-not")
    assert (status, json.loads(content)["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("how", ["another service", "header not signed", "presigned"])
def test_a_signature_is_for_mlflow_and_covers_the_servers_name(
    server: Server, tracking: Record, how: str
) -> None:
    name = "x-mlflow-sm-tracking-server-arn"
    named = {name: tracking.arn}
    request = AWSRequest(
        "POST", server.url + SEARCH, data=b"{}", headers=named if how != "header not signed" else {}
    )
    credentials = Credentials(server.keys["AccessKeyId"], server.keys["SecretAccessKey"])
    way = SigV4QueryAuth if how == "presigned" else SigV4Auth
    way(credentials, "logs" if how == "another service" else "sagemaker-mlflow", "us-east-1").add_auth(
        request
    )
    target = str(request.url).removeprefix(server.url)
    status, _, content = send(server, "POST", target, {**dict(request.headers.items()), **named}, "{}")
    assert (status, json.loads(content)["error_code"]) == (403, "PERMISSION_DENIED")
    if how != "presigned":
        assert "covers the header" in json.loads(content)["message"]


def test_what_the_pages_ask_needs_what_it_reads(server: Server, tracking: Record) -> None:
    keys = user(server, "mlflow-pages", "sagemaker-mlflow:AccessUI")
    assert signed(server, tracking.arn, keys, path="/graphql")[0] == 403
    keys = user(server, "mlflow-all-pages", *(f"sagemaker-mlflow:{each}" for each in GRAPHQL))
    assert signed(server, tracking.arn, keys, path="/graphql")[0] == 200


def test_a_method_that_mlflow_does_not_have_is_refused_at_once(server: Server, tracking: Record) -> None:
    place = f"/_clary/mlflow/{tracking.uid}/"
    assert [send(server, method, place, {})[0] for method in ("HEAD", "TRACE")] == [405, 405]


def test_one_that_does_not_run_says_what_to_do(server: Server) -> None:
    records = server.parts.records.scoped(ACCOUNT, "us-east-1")
    doc = {"TrackingServerName": "gateway-stopped", "ArtifactStoreUri": "s3://b/x", "RoleArn": ROLE}
    arn = records.arn(MLFLOW_TRACKING_SERVER, doc)
    made = records.create(MLFLOW_TRACKING_SERVER, {**doc, "TrackingServerArn": arn, "_Wanted": True})
    status, _, content = signed(server, arn)
    assert (status, json.loads(content)["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    made = records.update(made, {"TrackingServerStatus": "Stopped", "_Wanted": False})
    status, _, content = signed(server, arn)
    assert (status, "StartMlflowTrackingServer" in json.loads(content)["message"]) == (400, True)
    records.update(made, {"TrackingServerStatus": "CreateFailed", "_Why": "No such image."})
    assert b"CreateFailed: No such image." in signed(server, arn)[2]


def test_an_app_needs_the_one_action_that_apps_have(server: Server, socket_path: Path) -> None:
    records = server.parts.records.scoped(ACCOUNT, "us-east-1")
    doc = {"MlflowAppId": "gatewayway01", "Name": "g", "ArtifactStoreUri": "s3://b/x", "RoleArn": ROLE}
    arn = records.arn(MLFLOW_APP, doc)
    records.create(MLFLOW_APP, {**doc, "Arn": arn, "Status": "Created", "_Socket": str(socket_path)})
    assert signed(server, arn, app=True)[0] == 200
    keys = user(server, "mlflow-of-servers", "sagemaker-mlflow:*")
    assert b"sagemaker:CallMlflowAppApi" in signed(server, arn, keys, app=True)[2]


def test_a_presigned_address_begins_a_session_of_that_server_alone(server: Server, tracking: Record) -> None:
    sagemaker = server.client("sagemaker")
    told = sagemaker.create_presigned_mlflow_tracking_server_url(TrackingServerName="gateway-way")
    target = told["AuthorizedUrl"].removeprefix(server.url)
    status, headers, _ = send(server, "GET", target, {})
    place = f"/_clary/mlflow/{tracking.uid}/"
    assert (status, headers["location"]) == (303, place)
    cookie, *attributes = headers["set-cookie"].split("; ")
    assert {f"Path={place}", "HttpOnly", "SameSite=Lax"} <= set(attributes)
    status, headers, content = send(server, "GET", place, {"Cookie": cookie})
    assert (status, json.loads(content)["path"], headers["x-frame-options"]) == (200, "/", "SAMEORIGIN")
    assert "cookie" not in {name.lower() for name in json.loads(content)["headers"]}
    assert send(server, "GET", "/_clary/mlflow/another/", {"Cookie": cookie})[0] == 403
    assert send(server, "GET", place, {})[0] == 403
    post = f"{place}ajax-api/2.0/mlflow/runs/search"
    assert send(server, "POST", post, {"Cookie": cookie, "Origin": server.url}, "{}")[0] == 200
    assert send(server, "POST", post, {"Cookie": cookie, "Origin": "http://elsewhere"}, "{}")[0] == 403
    assert send(server, "POST", post, {"Cookie": cookie, "Origin": "http://[::1"}, "{}")[0] == 403


def test_addresses_and_sessions_end(server: Server, tracking: Record) -> None:
    call = server.client("sagemaker").create_presigned_mlflow_tracking_server_url
    url = call(TrackingServerName="gateway-way", ExpiresInSeconds=5)["AuthorizedUrl"]
    token, key = url.rpartition("=")[2], MasterKey.open(server.home.keys)
    now = server.parts.clock.now()
    begun = mlflow_url.session(key, tracking.uid, token, now)
    assert begun is not None
    assert mlflow_url.session(key, tracking.uid, token, now + timedelta(seconds=6)) is None
    assert mlflow_url.session(key, "other", token, now) is None
    session, seconds = begun
    assert mlflow_url.principal_of(key, tracking.uid, session, now) is not None
    assert mlflow_url.principal_of(key, tracking.uid, session, now + timedelta(seconds=seconds)) is None
    assert mlflow_url.principal_of(key, tracking.uid, token, now) is None  # an address is no session
    assert mlflow_url.principal_of(key, tracking.uid, "!", now) is None


def test_a_call_leaves_one_audit_line(server: Server, tracking: Record) -> None:
    signed(server, tracking.arn, path="/api/2.0/mlflow/runs/log-batch")
    lines = server.audited('"operation":"LogBatch"')
    assert [(each["service"], each["resource"], each["status"]) for each in lines] == [
        ("sagemaker-mlflow", tracking.arn, 200)
    ]


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("POST", "/api/2.0/mlflow/runs/log-metric", "LogMetric"),
        ("POST", "/ajax-api/2.0/mlflow/runs/search", "SearchRuns"),
        ("GET", "/api/2.0/mlflow/registered-models/alias", "GetModelVersionByAlias"),
        ("POST", "/api/2.0/mlflow/logged-models/search", "SearchLoggedModels"),
        ("PATCH", "/api/2.0/mlflow/logged-models/m-1", "FinalizeLoggedModel"),
        ("GET", "/api/3.0/mlflow/traces/tr-1", "GetTraceInfo"),
        ("GET", "/", "AccessUI"),
        ("GET", "/static-files/static/js/main.js", "AccessUI"),
        ("POST", "/", "CallOtherApi"),
        ("DELETE", "/api/2.0/mlflow/runs/search", "CallOtherApi"),
        ("GET", "/static-files/../graphql", "AccessUI"),
    ],
)
def test_each_path_needs_the_action_that_aws_names(method: str, path: str, action: str) -> None:
    assert action_of(method, path) == action
