"""One suite over every declared kind: whatever the model lets a client ask of a List is honoured."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from tests.conformance.modelled import codes, faults
from tests.generated_requests import Author

from clary.operations.dispatch import Dispatcher
from clary.operations.kinds import Kind, members

if TYPE_CHECKING:
    from tests.conftest import Server

KINDS = Dispatcher().kinds("sagemaker")
# A List that must name a parent is refused without one: the suites of its area ask it.
LISTS = [
    kind
    for kind in KINDS
    if "List" in kind.operations and not getattr(kind.operations["List"].input_shape, "required_members", ())
]
NAMED = [(kind, verb) for kind in KINDS for verb in ("Describe", "Delete", "Stop") if verb in kind.operations]
AUTHOR = Author(name="absent")


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker", config={"parameter_validation": False})


def ask(sagemaker: Any, operation: OperationModel) -> Callable[..., dict[str, Any]]:
    """Return the client's method of an operation."""
    method: Callable[..., dict[str, Any]] = getattr(sagemaker, xform_name(operation.name))
    return method


@pytest.mark.parametrize(
    ("kind", "member"),
    [(k, m) for k in LISTS for m in members(k.operations["List"].input_shape) if m != "NextToken"],
    ids=lambda value: value.resource.kind if isinstance(value, Kind) else value,
)
def test_a_list_takes_every_member(sagemaker: Any, kind: Kind, member: str) -> None:
    operation = kind.operations["List"]
    shape = members(operation.input_shape)[member]
    value = AUTHOR.request(operation, also=[member])[member]
    if allowed := shape.metadata.get("enum"):
        value = allowed[-1]
    try:
        answer = ask(sagemaker, operation)(**{member: value})
    except ClientError as refused:  # a filter that names another resource, which is not there
        error = refused.response["Error"]
        assert error["Code"] in codes(operation)
        assert "not found" in error["Message"] or "does not exist" in error["Message"]
        return
    assert kind.summary[0] in answer
    assert faults(operation.output_shape, answer) == []


@pytest.mark.parametrize(
    ("kind", "verb"), NAMED, ids=lambda value: value.resource.kind if isinstance(value, Kind) else value
)
def test_an_absent_one_is_refused_in_words(sagemaker: Any, kind: Kind, verb: str) -> None:
    operation = kind.operations[verb]
    with pytest.raises(ClientError) as refused:
        ask(sagemaker, operation)(**AUTHOR.request(operation))
    error = refused.value.response["Error"]
    expected = {kind.resource.missing, "ValidationException", "InvalidAction", "ResourceNotFound"}
    assert error["Code"] in expected & codes(operation)
    assert error["Message"]


@pytest.mark.parametrize("kind", LISTS, ids=[kind.resource.kind for kind in LISTS])
def test_every_answered_order_and_every_wrong_one(sagemaker: Any, kind: Kind) -> None:
    operation = kind.operations["List"]
    asked, call = members(operation.input_shape), ask(sagemaker, operation)
    wrong: list[dict[str, Any]] = [{"MaxResults": 0}, {"NextToken": "x"}]
    if "SortBy" in asked:
        for by in asked["SortBy"].metadata["enum"]:
            for order in asked["SortOrder"].metadata["enum"]:
                assert kind.summary[0] in call(SortBy=by, SortOrder=order)
        wrong += [{"SortBy": "Colour"}, {"SortOrder": "Sideways"}]
    for request in wrong:
        with pytest.raises(ClientError) as refused:
            call(**request)
        assert refused.value.response["Error"]["Code"] == "ValidationException"
