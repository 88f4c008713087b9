"""Which operation a request asks for."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from tests.wire.generated import SERVICES, operations, request_of

from clary.core.body import StagedBody
from clary.core.errors import ApiError
from clary.wire import models, route, s3
from clary.wire.message import Headers, HttpRequest
from clary.wire.parse import parse

SPOKEN = [(name, protocol) for name in SERVICES for protocol in route.protocols(models.service(name))]
S3 = models.service("s3")


def least(shape: Shape | None) -> Any:
    """Return the least value that fits a shape."""
    if isinstance(shape, StructureShape):
        return {name: least(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [least(shape.member)]
    if isinstance(shape, MapShape):
        return {"a": least(shape.value)}
    kind = shape.type_name if shape is not None else ""
    simple: dict[str, Any] = {"string": "a", "boolean": True, "blob": b"a", "timestamp": 0}
    return simple.get(kind, 1)


def asked(method: str, path: str, query: str = "", **headers: str) -> str:
    """Return the name of the S3 operation a request asks for."""
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    request = HttpRequest(method=method, path=path, query=query, headers=Headers(fields))
    return route.find(S3, request).operation.name


@pytest.mark.parametrize(("name", "protocol"), SPOKEN)
def test_every_operation_is_found_from_its_least_request(name: str, protocol: str) -> None:
    service = models.service(name)
    for operation in operations(service):
        parameters = least(operation.input_shape) if operation.input_shape else {}
        request = request_of(operation, parameters, protocol)
        assert route.find(service, request).operation.name == operation.name


@pytest.mark.parametrize(
    ("method", "target", "headers", "name"),
    [
        ("GET", "/", {}, "ListBuckets"),
        ("GET", "/b", {}, "ListObjects"),
        ("GET", "/b/", {}, "ListObjects"),
        ("GET", "/b?list-type=2&prefix=x", {}, "ListObjectsV2"),
        ("GET", "/b?prefix=x&list-type=1", {}, "ListObjects"),
        ("GET", "/b?uploads", {}, "ListMultipartUploads"),
        ("GET", "/b?uploads=&prefix=a", {}, "ListMultipartUploads"),
        ("GET", "/b?location", {}, "GetBucketLocation"),
        ("GET", "/b?versions", {}, "ListObjectVersions"),
        ("GET", "/b?lifecycle", {}, "GetBucketLifecycleConfiguration"),
        ("GET", "/b?analytics", {}, "ListBucketAnalyticsConfigurations"),
        ("GET", "/b?analytics&id=1", {}, "GetBucketAnalyticsConfiguration"),
        ("GET", "/b/k", {}, "GetObject"),
        ("GET", "/b/k/", {}, "GetObject"),
        ("GET", "/b//k", {}, "GetObject"),
        ("GET", "/b/k?x-id=GetObject&partNumber=1", {}, "GetObject"),
        ("GET", "/b/k?uploadId=u", {}, "ListParts"),
        ("GET", "/b/k?acl", {}, "GetObjectAcl"),
        ("GET", "/b/k?attributes", {"x_amz_object_attributes": "ETag"}, "GetObjectAttributes"),
        ("HEAD", "/b", {}, "HeadBucket"),
        ("HEAD", "/b/k", {}, "HeadObject"),
        ("PUT", "/b", {}, "CreateBucket"),
        ("PUT", "/b?tagging", {}, "PutBucketTagging"),
        ("PUT", "/b/k", {}, "PutObject"),
        ("PUT", "/b/k", {"x_amz_copy_source": "a/b"}, "CopyObject"),
        ("PUT", "/b/k?partNumber=1&uploadId=u", {}, "UploadPart"),
        ("PUT", "/b/k?partNumber=1&uploadId=u", {"x_amz_copy_source": "a/b"}, "UploadPartCopy"),
        ("PUT", "/b/k?tagging", {}, "PutObjectTagging"),
        ("POST", "/b?delete", {}, "DeleteObjects"),
        ("POST", "/b/k?uploads", {}, "CreateMultipartUpload"),
        ("POST", "/b/k?uploadId=u", {}, "CompleteMultipartUpload"),
        ("POST", "/b/k?select&select-type=2", {}, "SelectObjectContent"),
        ("DELETE", "/b", {}, "DeleteBucket"),
        ("DELETE", "/b/k", {}, "DeleteObject"),
        ("DELETE", "/b/k?uploadId=u", {}, "AbortMultipartUpload"),
    ],
)
def test_s3_operations_are_told_apart(method: str, target: str, headers: dict[str, str], name: str) -> None:
    path, _, query = target.partition("?")
    assert asked(method, path, query, **headers) == name


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key"),
    [
        ("bucket.s3.us-east-1.amazonaws.com", "/k", "bucket", "k"),
        ("bucket.s3.amazonaws.com", "/a/b", "bucket", "a/b"),
        ("bucket.s3-eu-west-1.amazonaws.com", "/k", "bucket", "k"),
        ("my.dotted.bucket.s3.dualstack.eu-west-1.amazonaws.com", "/k", "my.dotted.bucket", "k"),
        ("bucket.localhost:9229", "/k", "bucket", "k"),
        ("bucket.s3.localhost:9229", "/k", "bucket", "k"),
        ("localhost:9229", "/bucket/k", "bucket", "k"),
        ("s3.localhost:9229", "/bucket/k", "bucket", "k"),
        ("127.0.0.1:9229", "/bucket/k", "bucket", "k"),
        ("[::1]:9229", "/bucket/k", "bucket", "k"),
        ("s3.amazonaws.com", "/bucket/k", "bucket", "k"),
    ],
)
def test_the_bucket_stands_in_the_host_or_in_the_path(host: str, path: str, bucket: str, key: str) -> None:
    request = HttpRequest(method="GET", path=path, headers=Headers([("Host", host)]))
    _, document = parse(S3, request)
    assert (document["Bucket"], document["Key"]) == (bucket, key)


def test_a_bucket_in_the_host_has_itself_as_root() -> None:
    request = HttpRequest(method="GET", path="/", headers=Headers([("Host", "b.s3.amazonaws.com")]))
    assert route.find(S3, request).operation.name == "ListObjects"
    assert s3.bucket_of_host("") is None


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/b/a%20b", "a b"),
        ("/b/a+b", "a+b"),
        ("/b/%252F", "%2F"),
        ("/b/%2F", "/"),
        ("/b/../c", "../c"),
        ("/b//", "/"),
        ("/b/%C3%BC%F0%9F%92%A9", "ü\N{PILE OF POO}"),
        ("/b/a%0Ab", "a\nb"),
    ],
)
def test_a_key_is_decoded_once_and_left_alone(path: str, key: str) -> None:
    _, document = parse(S3, HttpRequest(method="GET", path=path))
    assert document["Key"] == key


@pytest.mark.parametrize(
    ("method", "target", "code", "status"),
    [
        ("POST", "/b/k", "MethodNotAllowed", 405),
        ("POST", "/b", "MethodNotAllowed", 405),
        ("PATCH", "/b/k", "MethodNotAllowed", 405),
        ("PUT", "/", "MethodNotAllowed", 405),
        ("PUT", "/b/k?uploadId=u", "InvalidArgument", 400),
        ("PUT", "/b/k?partNumber=1", "InvalidArgument", 400),
        ("GET", "/b/%ff", "InvalidURI", 400),
    ],
)
def test_what_s3_has_not_is_refused_as_s3_refuses_it(
    method: str, target: str, code: str, status: int
) -> None:
    path, _, query = target.partition("?")
    with pytest.raises(ApiError) as refused:
        asked(method, path, query)
    assert (refused.value.code, refused.value.status) == (code, status)


@pytest.mark.parametrize(
    ("service", "request_", "code", "status"),
    [
        (
            "sagemaker",
            HttpRequest(method="POST", path="/", headers=Headers([("X-Amz-Target", "SageMaker.Dance")])),
            "UnknownOperationException",
            400,
        ),
        ("sagemaker", HttpRequest(method="GET", path="/"), "UnknownOperationException", 400),
        ("sts", HttpRequest(method="POST", path="/", body=b"Action=Dance"), "InvalidAction", 400),
        ("sagemaker-runtime", HttpRequest(method="GET", path="/dance"), "UnknownOperationException", 404),
    ],
)
def test_an_unknown_operation_is_named(service: str, request_: HttpRequest, code: str, status: int) -> None:
    with pytest.raises(ApiError) as refused:
        parse(models.service(service), request_)
    assert (refused.value.code, refused.value.status) == (code, status)


def test_an_action_may_stand_in_the_url() -> None:
    request = HttpRequest(method="GET", path="/", query="Action=GetCallerIdentity&Version=2011-06-15")
    operation, _ = parse(models.service("sts"), request)
    assert operation.name == "GetCallerIdentity"


def test_an_upload_on_disk_passes_through_untouched(tmp_path: Any) -> None:
    staged = StagedBody(path=tmp_path / "body", size=3)
    _, document = parse(S3, HttpRequest(method="PUT", path="/b/k", body=staged))
    assert document["Body"] is staged
    with pytest.raises(ApiError) as refused:
        parse(S3, HttpRequest(method="POST", path="/b", query="delete", body=staged))
    assert refused.value.status == 413


def test_headers_hoisted_into_a_presigned_url_count_and_its_own_parameters_do_not() -> None:
    query = "X-Amz-Signature=0&X-Amz-Date=1&x-amz-storage-class=GLACIER&X-Amz-Meta-Colour=red"
    _, document = parse(S3, HttpRequest(method="PUT", path="/b/k", query=query))
    assert document["StorageClass"] == "GLACIER"
    assert document["Metadata"]["colour"] == "red"


def test_metadata_and_typed_headers_are_read() -> None:
    fields = [
        ("x-amz-meta-a", "1"),
        ("X-Amz-Meta-B-c", " two "),
        ("If-Modified-Since", "Mon, 16 Dec 2019 23:48:18 GMT"),
        ("x-amz-checksum-mode", "ENABLED"),
    ]
    _, document = parse(S3, HttpRequest(method="PUT", path="/b/k", headers=Headers(fields)))
    assert document["Metadata"] == {"a": "1", "b-c": " two "}
    _, document = parse(S3, HttpRequest(method="GET", path="/b/k", headers=Headers(fields)))
    assert document["IfModifiedSince"].isoformat() == "2019-12-16T23:48:18+00:00"


def test_a_service_is_known_in_every_protocol_it_speaks() -> None:
    spoken: dict[str, ServiceModel] = {name: models.service(name) for name in SERVICES}
    assert route.protocols(spoken["cloudwatch"]) == ("smithy-rpc-v2-cbor", "json", "query")
    assert route.protocols(spoken["s3"]) == ("rest-xml",)
    with pytest.raises(KeyError):
        models.service("no-such-service")
