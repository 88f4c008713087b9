"""Answers and errors as clients expect them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from clary.core.body import FileBody
from clary.core.errors import ApiError, NotBuilt, ResourceNotFound, ValidationError
from clary.wire import cbor, models
from clary.wire.message import Headers, HttpRequest, HttpResponse
from clary.wire.serialise import serialise, serialise_error

NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
JSON = HttpRequest(
    method="POST",
    path="/",
    headers=Headers([("X-Amz-Target", "X.Y"), ("Content-Type", "application/x-amz-json-1.1")]),
)
FORM = HttpRequest(
    method="POST", path="/", headers=Headers([("Content-Type", "application/x-www-form-urlencoded")])
)
CBOR = HttpRequest(method="POST", path="/", headers=Headers([("Smithy-Protocol", "rpc-v2-cbor")]))
PLAIN = HttpRequest(method="GET", path="/")
HEAD = HttpRequest(method="HEAD", path="/b/k")


def answer(service: str, operation: str, result: dict[str, Any], request: HttpRequest) -> HttpResponse:
    model = models.service(service)
    return serialise(model, model.operation_model(operation), result, request, "an-id")


def failure(service: str, operation: str | None, error: ApiError, request: HttpRequest) -> HttpResponse:
    model = models.service(service)
    found = model.operation_model(operation) if operation else None
    return serialise_error(model, found, error, request, "an-id")


def text(response: HttpResponse) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


def tree(response: HttpResponse) -> ElementTree.Element:
    return ElementTree.fromstring(text(response))  # noqa: S314  # our own answer


def test_a_stored_record_is_answered_as_far_as_the_shape_goes() -> None:
    record = {
        "ModelName": "a",
        "CreationTime": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
        "_Hosts": [1],
        "VpcConfig": None,
    }
    response = answer("sagemaker", "DescribeModel", record, JSON)
    assert json.loads(text(response)) == {"ModelName": "a", "CreationTime": 1767323045.678}
    assert response.headers.get("content-type") == "application/x-amz-json-1.1"
    assert response.headers.get("x-amzn-requestid") == "an-id"


def test_sagemaker_errors_keep_their_shape() -> None:
    response = failure("sagemaker", "DescribeModel", ResourceNotFound("No such model."), JSON)
    assert response.status == 400
    assert json.loads(text(response)) == {"__type": "ResourceNotFound", "Message": "No such model."}
    response = failure("sagemaker", "CreateModel", ValidationError("Wrong."), JSON)
    assert json.loads(text(response)) == {"__type": "ValidationException", "message": "Wrong."}
    response = failure("sagemaker", None, NotBuilt("CreateEdgePackagingJob"), JSON)
    assert response.status == 400
    assert "CreateEdgePackagingJob" in text(response)


def test_modelled_statuses_win() -> None:
    members = {"OriginalStatusCode": 500, "OriginalMessage": "traceback", "Unknown": 1}
    error = ApiError("The model failed.", code="ModelError", members=members)
    response = failure("sagemaker-runtime", "InvokeEndpoint", error, PLAIN)
    assert response.status == 424
    assert response.headers.get("x-amzn-errortype") == "ModelError"
    assert json.loads(text(response)) == {
        "Message": "The model failed.",
        "OriginalStatusCode": 500,
        "OriginalMessage": "traceback",
    }


@pytest.mark.parametrize("code", ["NoSuchEntity", "NoSuchEntityException"])
def test_query_errors_go_by_their_wire_code(code: str) -> None:
    response = failure("iam", "GetRole", ApiError("Not <here>.", code=code, status=404), FORM)
    assert response.status == 404
    namespace = "{https://iam.amazonaws.com/doc/2010-05-08/}"
    error = tree(response).find(f"{namespace}Error")
    assert error is not None
    said = {child.tag.removeprefix(namespace): child.text for child in error}
    assert said == {"Type": "Sender", "Code": "NoSuchEntity", "Message": "Not <here>."}
    assert tree(response).findtext(f"{namespace}RequestId") == "an-id"


def test_query_answers_are_wrapped() -> None:
    response = answer("sts", "GetCallerIdentity", {"Account": "1", "UserId": "u", "Arn": "a&b"}, FORM)
    namespace = "{https://sts.amazonaws.com/doc/2011-06-15/}"
    root = tree(response)
    assert root.tag == f"{namespace}GetCallerIdentityResponse"
    assert root.findtext(f"{namespace}GetCallerIdentityResult/{namespace}Arn") == "a&b"
    assert root.findtext(f"{namespace}ResponseMetadata/{namespace}RequestId") == "an-id"


@pytest.mark.parametrize("request_", [JSON, CBOR], ids=["json", "cbor"])
def test_a_service_that_once_spoke_query_says_the_old_code_too(request_: HttpRequest) -> None:
    error = ApiError("Gone.", code="DashboardNotFoundError")
    response = failure("cloudwatch", "GetDashboard", error, request_)
    assert response.status == 400
    assert response.headers.get("x-amzn-query-error") == "ResourceNotFound;Sender"
    assert isinstance(response.body, bytes)
    said = json.loads(response.body) if request_ is JSON else cbor.decode(response.body)
    assert said == {"__type": "DashboardNotFoundError", "message": "Gone."}
    assert failure("cloudwatch", "GetDashboard", error, FORM).status == 404


def test_s3_errors_are_bare() -> None:
    error = ApiError("No such key.", code="NoSuchKey", status=404, members={"Key": "a\x01&", "Size": 3})
    response = failure("s3", "GetObject", error, PLAIN)
    assert response.status == 404
    assert response.headers.get("content-type") == "application/xml"
    assert response.headers.get("x-amz-request-id") == "an-id"
    assert "<Error><Code>NoSuchKey</Code><Message>No such key.</Message><Key>a&#x1;&amp;</Key>" in text(
        response
    )
    assert f"<HostId>{response.headers.get('x-amz-id-2')}</HostId></Error>" in text(response)


def test_a_head_that_fails_has_no_body() -> None:
    assert failure("s3", "HeadObject", ApiError("", code="NoSuchKey", status=404), HEAD).body == b""
    not_modified = failure("s3", "GetObject", ApiError("", code="NotModified", status=304), PLAIN)
    assert (not_modified.status, not_modified.body) == (304, b"")


def test_s3_lists_have_s3_s_names() -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    result = {
        "Name": "b",
        "KeyCount": 1,
        "IsTruncated": False,
        "Contents": [{"Key": "k", "LastModified": when, "ETag": '"x"', "Size": 3}],
        "CommonPrefixes": [{"Prefix": "a/"}, {"Prefix": "b/"}],
    }
    root = tree(answer("s3", "ListObjectsV2", result, PLAIN))
    assert root.tag == f"{NS}ListBucketResult"
    assert root.findtext(f"{NS}Contents/{NS}LastModified") == "2026-01-02T03:04:05Z"
    assert [found.text for found in root.iter(f"{NS}Prefix")] == ["a/", "b/"]


@pytest.mark.parametrize(("region", "said"), [("eu-west-1", "eu-west-1"), (None, None)])
def test_the_location_of_a_bucket_is_the_root_itself(region: str | None, said: str | None) -> None:
    root = tree(answer("s3", "GetBucketLocation", {"LocationConstraint": region}, PLAIN))
    assert (root.tag, root.text) == (f"{NS}LocationConstraint", said)


def test_a_grantee_has_its_type_as_an_attribute() -> None:
    grant = {"Grantee": {"Type": "CanonicalUser", "ID": "x"}, "Permission": "FULL_CONTROL"}
    response = answer("s3", "GetBucketAcl", {"Owner": {"ID": "x"}, "Grants": [grant]}, PLAIN)
    assert 'xsi:type="CanonicalUser"' in text(response)
    assert tree(response).find(f"{NS}AccessControlList/{NS}Grant") is not None


def test_an_object_is_streamed_from_its_file() -> None:
    body = FileBody(path=Path("/nowhere"), offset=10, length=5)
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    result = {
        "Body": body,
        "ContentRange": "bytes 10-14/100",
        "LastModified": when,
        "Metadata": {"a": "b", "umlaut": "ü", "split": "a\r\nx-evil: 1"},
    }
    response = answer("s3", "GetObject", result, PLAIN)
    assert response.status == 206
    assert response.body is body
    assert response.headers.get("last-modified") == "Fri, 02 Jan 2026 03:04:05 GMT"
    assert response.headers.get("x-amz-meta-a") == "b"
    assert response.headers.get("x-amz-meta-umlaut") == "=?UTF-8?B?w7w=?="
    assert response.headers.get("x-amz-meta-split") == "a  x-evil: 1"


@pytest.mark.parametrize(
    ("operation", "status"),
    [("DeleteObject", 204), ("PutBucketPolicy", 204), ("PutBucketTagging", 204), ("PutObject", 200)],
)
def test_successes_without_a_body_have_s3_s_status(operation: str, status: int) -> None:
    response = answer("s3", operation, {}, PLAIN)
    assert (response.status, response.body) == (status, b"")


def test_a_prediction_is_answered_as_it_came() -> None:
    result = {"Body": b"0.5", "ContentType": "text/csv", "InvokedProductionVariant": "AllTraffic"}
    response = answer("sagemaker-runtime", "InvokeEndpoint", result, PLAIN)
    assert response.body == b"0.5"
    assert response.headers.get("content-type") == "text/csv"
    assert response.headers.get("x-amzn-invoked-production-variant") == "AllTraffic"
