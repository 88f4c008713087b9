"""Requests with something wrong in them, for every operation: refused as modelled, and nothing is written."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ListShape, OperationModel, Shape, StructureShape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from tests.conformance.modelled import codes
from tests.gateway.test_garbage import JSON, ask, wire
from tests.generated_requests import Author

from clary.operations.kinds import members
from clary.store.tables import CHANGES
from clary.wire import models

if TYPE_CHECKING:
    from tests.conftest import Server

SAGEMAKER = models.service("sagemaker")
OPERATIONS = list(SAGEMAKER.operation_names)
REGION = "ap-northeast-3"  # of no other test
FOREIGN = "arn:aws:sagemaker:us-east-1:111122223333:"
WORDS = (
    "",
    " ",
    "..",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "a/../b",
    "a\0b",
    "\ud800",
    "\u202egnp",
    "\U0001f4a5" * 30,
    "' OR 1=1 --",
    "%_",
    "%s%n{0}{{7*7}}$(id)",
    f"{FOREIGN}model/theirs",
    f"{FOREIGN}pipeline/theirs/execution/abc",
    "arn:aws:iam::111122223333:role/Theirs",
    "s3://",
    "s3://not-there-at-all/x",
    "a" * 100_000,
)
NUMBERS = (0, -1, 1, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**64, 1e308, 1.5)
STRANGE: tuple[Any, ...] = (None, True, "x", 7, [], {}, [[]], [None], {"$time": "soon"}, {"": ""})


@pytest.fixture(autouse=True)
def no_complaint(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail when the server logged a fault of its own over what a test sent."""
    yield
    assert [r.getMessage() for r in caplog.records if r.exc_info or r.levelno >= logging.ERROR] == []


@pytest.fixture
def whole(name: str) -> dict[str, Any]:
    """A request with every member of an operation, made before anything is drawn."""
    operation = SAGEMAKER.operation_model(name)
    return Author(name="broken").request(operation, also=members(operation.input_shape))


def places(shape: Shape, value: Any) -> Iterator[tuple[Any, Any, Shape]]:
    """Yield every (container, key, shape) that a value could be replaced at."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name in value.keys() & shape.members.keys():
            yield value, name, shape.members[name]
            yield from places(shape.members[name], value[name])
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for index, item in enumerate(value):
            yield value, index, shape.member
            yield from places(shape.member, item)


def edges(shape: Shape) -> st.SearchStrategy[Any]:
    """Return values at and beyond the bounds of a shape."""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name == "string":
        sizes = {0, 1, *(int(n) + d for n in (least, most) if n is not None for d in (-1, 0, 1))}
        return st.sampled_from([*WORDS, *("a" * size for size in sorted(sizes) if 0 <= size < 1_000_000)])
    if shape.type_name in ("integer", "long", "float", "double"):
        bounds = [n + d for n in (least, most) if n is not None for d in (-1, 0, 1)]
        return st.sampled_from([*NUMBERS, *bounds])
    if shape.type_name == "list":
        return st.sampled_from([[], [None], [{}], ["x"] * (int(most or 50) + 1)])
    return st.sampled_from(STRANGE)


@st.composite
def broken(draw: st.DrawFn, operation: OperationModel, whole: dict[str, Any]) -> dict[str, Any]:
    """Draw a request with one to three things changed: members more, less, at their bounds, or nonsense."""
    shape = operation.input_shape
    if not isinstance(shape, StructureShape):
        return {"Nothing": 1} if draw(st.booleans()) else {}
    wanted = list(shape.required_members)
    if spare := [name for name in shape.members if name not in wanted]:
        wanted += draw(st.lists(st.sampled_from(spare), max_size=4, unique=True))
    request = {name: copy.deepcopy(whole[name]) for name in wanted}
    for _ in range(draw(st.integers(0, 3))):
        found = sorted(places(shape, request), key=lambda place: (str(place[1]), place[2].name))
        if not found:
            break
        container, key, at = draw(st.sampled_from(found))
        change = draw(st.sampled_from(("drop", "edge", "edge", "strange", "unknown")))
        if change == "drop":
            del container[key]
        elif change == "unknown":
            request["NotAMember"] = copy.deepcopy(draw(st.sampled_from(STRANGE)))
        else:
            container[key] = copy.deepcopy(draw(edges(at) if change == "edge" else st.sampled_from(STRANGE)))
    return request


def send(server: Server, target: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Send a body as it is; return the status and the answer."""
    headers = {"Content-Type": JSON, "X-Amz-Target": f"SageMaker.{target}"}
    request = AWSRequest(method="POST", url=server.url + "/", data=body, headers=headers)
    credentials = Credentials(server.keys["AccessKeyId"], server.keys["SecretAccessKey"])
    SigV4Auth(credentials, "sagemaker", REGION).add_auth(request)
    head = {**dict(request.headers.items()), "Host": f"127.0.0.1:{server.port}", "Connection": "close"}
    ((status, answer),) = ask(
        server.port, wire("POST", "/", {**head, "Content-Length": str(len(body))}, body)
    )
    return status, json.loads(answer or b"{}")


def written(server: Server) -> int:
    """Return a number that grows with every write to a record."""
    with server.stores.database.read() as connection:
        return int(connection.scalar(select(func.coalesce(func.sum(CHANGES.c.generation), 0))) or 0)


@pytest.mark.parametrize("name", OPERATIONS)
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_broken_request_is_refused_as_modelled(
    server: Server, name: str, whole: dict[str, Any], data: st.DataObject
) -> None:
    operation = SAGEMAKER.operation_model(name)
    request = data.draw(broken(operation, whole))
    before = written(server)
    status, answer = send(server, name, json.dumps(request, default=str).encode())
    if status == 200:
        return
    assert 400 <= status < 500, answer
    assert answer["__type"].rpartition("#")[2] in codes(operation), answer
    assert answer.get("message") or answer.get("Message")
    assert len(json.dumps(answer)) < 20_000
    assert written(server) == before, "a refused call has written something"


@pytest.mark.parametrize("name", ["CreateModel", "Search", "CreatePipeline", "ListTrainingJobs", "AddTags"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 1_500_000 + b"1" + b"}" * 1_500_000,
        b"[" * 5_000_000 + b"]" * 5_000_000,
        b'{"ModelName": "a", "ModelName": "b", "ModelName": 7}',
        b'{"MaxResults": NaN}',
        b'{"MaxResults": Infinity}',
        b'{"MaxResults": 1' + b"0" * 5000 + b"}",
        b'{"NameContains": "\\ud800"}',
        b'{"NameContains": "\xff\xfe"}',
        b'{"Tags": [' + b'{"Key": "k", "Value": "v"},' * 300_000 + b"{}]}",
    ],
    ids=[
        "deep-objects",
        "deep-lists",
        "twice",
        "nan",
        "infinity",
        "long-number",
        "surrogate",
        "latin",
        "tags",
    ],
)
def test_bodies_made_to_hurt_are_refused(server: Server, name: str, body: bytes) -> None:
    before = written(server)
    status, answer = send(server, name, body)
    assert status < 500, answer
    if status != 200:
        assert answer["__type"].rpartition("#")[2] in codes(SAGEMAKER.operation_model(name)) | {
            "NotAcceptable"
        }
        assert written(server) == before
