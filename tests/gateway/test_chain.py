"""The whole chain over real HTTP: what a caller is answered, and what is refused on the way."""

from __future__ import annotations

import http.client
import json
import re
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def ask(
    server: Server, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Send a request of our own making; header names are written with underscores."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
    try:
        connection.request(method, path, body or None, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_the_administrator_is_a_session_of_the_execution_role(server: Server) -> None:
    who = server.client("sts").get_caller_identity()
    assert who["Arn"] == "arn:aws:sts::000000000000:assumed-role/SageMakerExecutionRole/administrator"
    assert UUID.fullmatch(who["ResponseMetadata"]["RequestId"])


def test_a_json_service_answers_and_lists_are_empty_at_first(server: Server) -> None:
    assert (
        server.client("sagemaker", region_name="eu-central-1").list_training_jobs()["TrainingJobSummaries"]
        == []
    )


def test_an_absent_operation_names_itself(server: Server) -> None:
    with pytest.raises(ClientError, match="Clary does not have StartSession yet") as refused:
        server.client("sagemaker").start_session(
            ResourceIdentifier="arn:aws:sagemaker:us-east-1:000000000000:space/d-abc/s"
        )
    assert refused.value.response["Error"]["Code"] == "InvalidAction"


def test_a_wrong_secret_is_refused(server: Server) -> None:
    wrong = {**server.keys, "SecretAccessKey": "no"}
    for service, call, code in (
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
        ("sagemaker", "list_models", "InvalidSignatureException"),
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
    ):
        with pytest.raises(ClientError) as refused:
            getattr(server.client(service, wrong), call)()
        assert refused.value.response["Error"]["Code"] == code
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


def test_an_unknown_key_is_refused(server: Server) -> None:
    unknown = {**server.keys, "AccessKeyId": "AKIAAAAAAAAAAAAAAAAA"}
    for service, call, code in (
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("sagemaker", "list_models", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
    ):
        with pytest.raises(ClientError) as refused:
            getattr(server.client(service, unknown), call)()
        assert refused.value.response["Error"]["Code"] == code


def test_a_call_without_a_signature_is_refused_in_the_caller_s_dialect(server: Server) -> None:
    json_type = "application/x-amz-json-1.1"
    status, headers, body = ask(
        server, "POST", "/", b"{}", Content_Type=json_type, X_Amz_Target="SageMaker.ListModels"
    )
    assert (status, json.loads(body)["__type"]) == (400, "MissingAuthenticationTokenException")
    assert UUID.fullmatch(headers["x-amzn-requestid"])
    form = "application/x-www-form-urlencoded"
    status, _, body = ask(server, "POST", "/", b"Action=GetCallerIdentity", Content_Type=form)
    assert status == 403
    assert b"<Code>MissingAuthenticationToken</Code>" in body
    status, headers, body = ask(server, "GET", "/some-bucket/some-key")
    assert status == 403
    assert b"<Code>AccessDenied</Code>" in body
    assert UUID.fullmatch(headers["x-amz-request-id"])


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {"Authorization": "Bearer x"}),
        ("/", {"Authorization": "AWS4-HMAC-SHA256 Credential=x"}),
        ("/", {"X_Amz_Target": "Rubbish.Rubbish", "Content_Type": "application/x-amz-json-1.0"}),
        ("/endpoints/x/invocations", {}),
        ("/%ff%fe", {}),
        ("/?" + "&".join(f"a{n}=b" for n in range(2000)), {}),
        ("/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x", {}),
    ],
)
def test_garbage_gets_a_clear_refusal(server: Server, path: str, headers: dict[str, str]) -> None:
    status, answered, body = ask(server, "POST", path, b"\xff\x00 not anything", **headers)
    assert 400 <= status < 500, body
    assert body
    assert UUID.search(str(answered) + body.decode("utf-8", "replace"))


def test_a_body_over_the_limit_is_refused_before_it_is_read(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(1 << 30))
    connection.putheader("X-Amz-Target", "SageMaker.ListModels")
    connection.putheader("Content-Type", "application/x-amz-json-1.1")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.getheader("connection") == "close"
    connection.close()


def test_malformed_json_that_is_signed_is_the_caller_s_mistake(server: Server) -> None:
    client = server.client("sagemaker")

    def spoil(request: object, **_: object) -> None:
        request.data = b'{"ModelName": '  # type: ignore[attr-defined]  # botocore's AWSRequest

    client.meta.events.register("before-sign.sagemaker.*", spoil)
    with pytest.raises(ClientError) as refused:
        client.describe_model(ModelName="x")
    assert refused.value.response["Error"]["Code"] == "SerializationException"


def test_health_is_open_and_other_paths_of_our_own_are_not_there(server: Server) -> None:
    assert ask(server, "GET", "/_clary/health")[0] == 200
    assert ask(server, "GET", "/_clary/nothing")[0] == 404
    assert ask(server, "POST", "/_clary/health")[0] == 403
