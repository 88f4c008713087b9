"""The published protocol cases, played from the server's side."""

from __future__ import annotations

import base64
import gzip
import re
from typing import Any

import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from tests.vectors import exceptions
from tests.vectors.protocol_cases import (
    Case,
    body_value,
    cases,
    comparable,
    document,
    ignored_by_botocore,
    request_of,
    sent,
)

from clary.core.errors import ApiError
from clary.wire.error_body import modelled
from clary.wire.message import HttpRequest, HttpResponse
from clary.wire.parse import parse
from clary.wire.serialise import serialise, serialise_error

INPUTS = list(cases("input"))
OUTPUTS = list(cases("output"))
NOT_COMPARED = ("content-length", "x-amzn-requestid", "x-amz-target", "x-amzn-errortype")
UNREADABLE = ignored_by_botocore("output")


@pytest.mark.parametrize("case", INPUTS, ids=str)
def test_a_request_is_read_as_the_parameters_it_was_made_from(case: Case) -> None:
    request = compressed(case) if case.operation.request_compression else request_of(case)
    wanted = document(case.operation.input_shape, sent(case.data["params"]))
    try:
        operation, read = parse(case.service, request)
        passes = operation.name == case.operation.name and comparable(read) == comparable(wanted)
    except ApiError:
        passes, read = False, {}
    if str(case) in exceptions.INPUT:
        assert not passes, f"{case} passes: take it off the list"
    else:
        assert passes, f"read {read}"


@pytest.mark.parametrize("case", OUTPUTS, ids=str)
def test_a_result_is_written_as_the_published_answer(case: Case) -> None:
    response, published = answer(case), case.data["response"]
    differences = compare(case, response, published)
    if str(case) in exceptions.OUTPUT:
        assert differences, f"{case} passes: take it off the list"
    else:
        assert not differences


@pytest.mark.parametrize("case", [case for case in OUTPUTS if case.id not in UNREADABLE], ids=str)
def test_botocore_reads_our_answer_as_the_result(case: Case) -> None:
    response = answer(case)
    parser = create_parser(case.service.resolved_protocol)
    raw = {"status_code": response.status, "headers": Insensitive(response), "body": response.body}
    # The stubs do not know that operations without output have no shape.
    shape: Any = None if "errorCode" in case.data else case.operation.output_shape
    parsed = parser.parse(raw, shape)
    if "errorCode" in case.data:
        assert parsed["Error"]["Code"] == case.data["errorCode"]
        return
    parsed.pop("ResponseMetadata", None)
    wanted = document(case.operation.output_shape, sent(case.data["result"]))
    assert as_text(comparable(parsed)) == as_text(comparable(wanted))


def test_every_exception_names_a_case() -> None:
    assert set(exceptions.INPUT) <= {str(case) for case in INPUTS}
    assert set(exceptions.OUTPUT) <= {str(case) for case in OUTPUTS}


class Insensitive(dict[str, str]):
    """Headers as botocore's HTTP client hands them to its parsers, without those every answer has."""

    def __init__(self, response: HttpResponse) -> None:
        always = ("content-type", "x-amzn-requestid")
        super().__init__({name: value for name, value in response.headers if name not in always})
        self.always = {name: response.headers.get(name) for name in always}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name.lower() in self.always or super().__contains__(name.lower()))

    def __getitem__(self, name: str) -> str:
        return self.always.get(name.lower()) or super().__getitem__(name.lower())


def as_text(value: Any) -> Any:
    """Return a value with its bytes as text: botocore decodes the bytes of a payload it did not stream."""
    if isinstance(value, dict):
        return {name: as_text(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def compressed(case: Case) -> HttpRequest:
    """Return the request of a compression case, which has headers only: the body is botocore's, gzipped."""
    request = request_of(case)
    made = create_serializer(case.service.resolved_protocol).serialize_to_request(
        sent(case.data["params"]), case.operation
    )
    body = made["body"]
    if isinstance(body, dict):
        body = "&".join(f"{name}={value}" for name, value in body.items()).replace("\n", "%0A").encode()
        request.headers.set("content-type", "application/x-www-form-urlencoded")
    request.body = gzip.compress(body)
    return request


def answer(case: Case) -> HttpResponse:
    """Return what we answer to a case."""
    request = request_of(case)
    if "errorCode" not in case.data:
        result = document(case.operation.output_shape, sent(case.data["result"]))
        return serialise(case.service, case.operation, result, request, "foo-id")
    code, members = case.data["errorCode"], case.data.get("error", {})
    shape = modelled(case.service, case.operation, code)
    members = {name: value for name, value in document(shape, members).items() if name.lower() != "message"}
    error = ApiError(message_of(case), code=code, members=members)
    return serialise_error(case.service, case.operation, error, request, "foo-id")


def message_of(case: Case) -> str:
    """Return a case's error message, which some state only in their answer."""
    published = re.search("<Message>(.*)</Message>", case.data["response"].get("body", ""))
    said = case.data.get("errorMessage") or (published[1] if published else "")
    return str(said)


def compare(case: Case, ours: HttpResponse, published: dict[str, Any]) -> list[str]:
    """Name what differs in meaning; ids are samples, and the gateway adds the length."""
    assert isinstance(ours.body, bytes)
    differences = []
    if ours.status != published["status_code"]:
        differences.append(f"status {ours.status}, published {published['status_code']}")
    body = published.get("body", "").encode()
    if case.protocol.startswith("smithy"):
        body = base64.b64decode(body)
    for name, value in published.get("headers", {}).items():
        if name.lower() in NOT_COMPARED or (name.lower() == "content-type" and not body):
            continue
        if ours.headers.get(name) != value:
            differences.append(f"{name}: {ours.headers.get(name)}, published {value}")
    fails = "errorCode" in case.data
    mine = body_value(case.protocol, ours.body, of_error=fails)
    theirs = body_value(case.protocol, body, of_error=fails)
    if fails and not case.protocol.endswith(("query", "xml")):
        headers = published.get("headers", {})
        mine_code, mine = error_of(ours.headers.get("x-amzn-errortype"), mine)
        theirs_code, theirs = error_of(headers.get("X-Amzn-Errortype"), theirs)
        if mine_code != theirs_code:
            differences.append(f"code {mine_code}, published {theirs_code}")
    if mine != theirs and "body" in published:
        differences.append(f"body {ours.body!r}, published {body!r}")
    return differences


def error_of(header: str | None, body: Any) -> tuple[str, dict[str, Any]]:
    """Return an error's code from wherever clients look, bare of namespace and URI, and its members."""
    members = dict(body or {})
    found = [header, members.pop("__type", None), members.pop("code", None)]
    code = next(str(name) for name in found if name)
    return code.partition(":")[0].rpartition("#")[2], members
