"""Whatever botocore writes we read, and whatever we write botocore reads, for generated values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.wire.generated import SERVICES, bare_request, inputs, outputs, request_of, without_empties

from clary.wire import models, route
from clary.wire.parse import parse
from clary.wire.serialise import serialise

SPOKEN = [(name, protocol) for name in SERVICES for protocol in route.protocols(models.service(name))]
SLOW = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize(("name", "protocol"), SPOKEN)
@SLOW
@given(data=st.data())
def test_we_read_what_botocore_writes(name: str, protocol: str, data: st.DataObject) -> None:
    operation, parameters = data.draw(inputs(name))
    request = request_of(operation, parameters, protocol)
    found, read = parse(models.service(name), request)
    assert found.name == operation.name
    assert same(read) == same(parameters)


@pytest.mark.parametrize(("name", "protocol"), SPOKEN)
@SLOW
@given(data=st.data())
def test_botocore_reads_what_we_write(name: str, protocol: str, data: st.DataObject) -> None:
    operation, result = data.draw(outputs(name))
    response = serialise(models.service(name), operation, result, bare_request(protocol), "an-id")
    headers = {key: value for key, value in response.headers if key not in ("x-amzn-requestid", "x-amz-id-2")}
    raw = {"status_code": response.status, "headers": HeadersDict(headers), "body": response.body}
    shape: Any = operation.output_shape  # None without output, which the stubs do not know
    parsed = create_parser(protocol).parse(raw, shape)
    parsed.pop("ResponseMetadata", None)
    assert same(parsed) == same(result)


def same(value: Any) -> str:
    """Return a text that is equal for values that mean the same."""
    return json.dumps(without_empties(value), sort_keys=True, default=in_words)


def in_words(value: object) -> str:
    """Return bytes as botocore hands out a payload, and times by their moment."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(getattr(value, "timestamp", value.__str__)())
