"""No request, however broken, is anything but a clean error."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest
from botocore.model import ServiceModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.wire.generated import SERVICES, inputs, request_of

from clary.core.errors import ApiError
from clary.wire import models, route
from clary.wire.message import Headers, HttpRequest
from clary.wire.parse import parse
from clary.wire.serialise import serialise_error
from clary.wire.validate import validate

SPOKEN = [(name, protocol) for name in SERVICES for protocol in route.protocols(models.service(name))]
MANY = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
JSON = ("X-Amz-Target", "SageMaker.CreateTrainingJob")


def attempt(service: ServiceModel, request: HttpRequest) -> ApiError | None:
    """Parse and validate; return the error, which must be one that can be answered."""
    try:
        operation, document = parse(service, request)
        validate(operation.input_shape, document, service)
    except ApiError as error:
        assert 400 <= error.status < 500
        response = serialise_error(service, None, error, request, "an-id")
        assert response.status == error.status
        return error
    return None


def refused(service: str, **request: object) -> ApiError:
    """Return the error of a request that must have one."""
    error = attempt(models.service(service), HttpRequest(**request))  # type: ignore[arg-type]  # tests spell it
    assert error is not None
    return error


@pytest.mark.parametrize(("name", "protocol"), SPOKEN)
@MANY
@given(data=st.data())
def test_a_request_with_broken_bytes_gives_a_clean_error(
    name: str, protocol: str, data: st.DataObject
) -> None:
    operation, parameters = data.draw(inputs(name))
    request = request_of(operation, parameters, protocol)
    body = request.body
    assert isinstance(body, bytes)
    at = data.draw(st.integers(0, len(body)))
    junk = data.draw(st.binary(max_size=4))
    attempt(models.service(name), replace(request, body=body[:at] + junk + body[at + len(junk) :]))
    attempt(models.service(name), replace(request, body=body[:at]))
    attempt(models.service(name), replace(request, body=junk))


@pytest.mark.parametrize("name", SERVICES)
@MANY
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "\xff"]),
    path=st.text(st.characters(max_codepoint=255), max_size=30),
    query=st.text(st.characters(max_codepoint=255), max_size=30),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["host", "content-type", "x-amz-target", "smithy-protocol", "content-encoding"]),
            st.text(st.characters(max_codepoint=255), max_size=20) | st.sampled_from(["rpc-v2-cbor", "gzip"]),
        ),
        max_size=4,
    ),
    body=st.binary(max_size=30),
)
def test_pure_noise_gives_a_clean_error(
    name: str, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    request = HttpRequest(method=method, path=f"/{path}", query=query, headers=Headers(headers), body=body)
    attempt(models.service(name), request)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"nul",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b'{"TrainingJobName": NaN}',
        b'{"TrainingJobName": 1}',
        b'{"TrainingJobName": "\\ud800"}',
        b'{"Tags": {}}',
        b'{"Tags": [1]}',
        b'{"ResourceConfig": {"InstanceCount": 1.5}}',
        b'{"ResourceConfig": {"InstanceCount": "1"}}',
        b'{"ResourceConfig": {"InstanceCount": true}}',
        b'{"ResourceConfig": {"InstanceCount": 1e400}}',
        b'{"ResourceConfig": {"InstanceCount": 2147483648}}',
        b'{"ResourceConfig": {"InstanceCount": ' + b"9" * 5000 + b"}}",
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"ResourceConfig":' * 5000 + b"1" + b"}" * 5000,
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_json_that_does_not_fit_is_a_serialization_exception(body: bytes) -> None:
    error = refused("sagemaker", method="POST", path="/", headers=Headers([JSON]), body=body)
    assert (error.code, error.status) == ("SerializationException", 400)


def test_json_errors_say_where() -> None:
    body = b'{"ResourceConfig": {"InstanceCount": "1"}}'
    error = refused("sagemaker", method="POST", path="/", headers=Headers([JSON]), body=body)
    assert error.message == (
        "STRING_VALUE can not be converted to Integer (at 'ResourceConfig.InstanceCount')"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"<Delete",
        b"<Other/>",
        b"<Delete><Unknown/></Delete>",
        b"<Delete><Quiet>perhaps</Quiet></Delete>",
        b"<Delete><Object><Size>1<b/></Size></Object></Delete>",
        b"\xff\xfe<\x00D\x00",
        b"<a>" * 50_000,
        b'<!DOCTYPE a [<!ENTITY b "c">]><Delete>&b;</Delete>',
        b'<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a []><Delete/>',
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_xml_that_does_not_fit_is_malformed(body: bytes) -> None:
    error = refused("s3", method="POST", path="/bucket", query="delete", body=body)
    assert (error.code, error.status) == ("MalformedXML", 400)


@pytest.mark.parametrize(
    "body",
    [
        b"\x9f" * 100_000,
        b"\xbf" * 100,
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xc2\x41\x01",
        b"\xd8\x1c\x81\xd8\x1d\x00",
        b"\xc1\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00",
        b"\xc1\xfb\x7f\xe0\x00\x00\x00\x00\x00\x00",
        b"\xa1\x01\x02",
        b"\xa0\xa0",
        b"\xff",
        b"\x61\xff",
        b"\xf8\x20",
    ],
    ids=lambda body: body[:10].hex(),
)
def test_cbor_that_does_not_fit_is_a_serialization_exception(body: bytes) -> None:
    error = refused(
        "cloudwatch",
        method="POST",
        path="/service/GraniteServiceVersion20100801/operation/PutMetricData",
        headers=Headers([("Smithy-Protocol", "rpc-v2-cbor")]),
        body=body,
    )
    assert (error.code, error.status) == ("SerializationException", 400)


@pytest.mark.parametrize(
    "form",
    [
        "PolicyArns.member.x.arn=a",
        "PolicyArns.member.99999999999.arn=a",
        "PolicyArns=a",
        "DurationSeconds=1.5",
        "DurationSeconds=1_0",
        "DurationSeconds=\N{ARABIC-INDIC DIGIT ONE}",
        "DurationSeconds.a=1",
        "RoleArn=%ff",
        "RoleArn" + ".a" * 200 + "=1",
    ],
)
def test_forms_that_do_not_fit_are_a_serialization_exception(form: str) -> None:
    error = refused("sts", method="POST", path="/", body=f"Action=AssumeRole&{form}".encode())
    assert (error.code, error.status) == ("SerializationException", 400)


def test_a_sparse_list_index_costs_nothing() -> None:
    request = HttpRequest(
        method="POST", path="/", body=b"Action=AssumeRole&PolicyArns.member.999999999.arn=a"
    )
    _, document = parse(models.service("sts"), request)
    assert document["PolicyArns"] == [{"arn": "a"}]


def test_a_gzip_bomb_is_too_large() -> None:

    body = gzip.compress(b" " * (65 << 20), compresslevel=9)
    headers = Headers([JSON, ("Content-Encoding", "gzip")])
    error = refused("sagemaker", method="POST", path="/", headers=headers, body=body)
    assert error.status == 413
