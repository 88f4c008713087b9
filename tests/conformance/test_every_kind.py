"""One suite over every declared kind: whatever the model lets a client ask of a List is honoured."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import Shape

from clary.operations.dispatch import Dispatcher
from clary.operations.kinds import Kind, members

if TYPE_CHECKING:
    from tests.conftest import Server

KINDS = Dispatcher().kinds("sagemaker")
WITH_LIST = [kind for kind in KINDS if "List" in kind.operations]
LISTED = [(kind, member) for kind in WITH_LIST for member in members(kind.operations["List"].input_shape)]


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker", config={"parameter_validation": False})


def sample(member: str, shape: Shape) -> object:
    """Return a value the model allows; the members of today's kinds need no more than these."""
    if shape.type_name == "timestamp":
        return datetime(2026, 1, 1, tzinfo=UTC)
    if shape.type_name == "integer":
        return 7
    if enum := shape.metadata.get("enum"):
        return enum[-1]
    if member.endswith("ArnEquals"):
        return "arn:aws:sagemaker:us-east-1:000000000000:training-plan/p"
    return "some-name"


@pytest.mark.parametrize(
    ("kind", "member"),
    [(k, m) for k, m in LISTED if m != "NextToken"],
    ids=[f"{k.resource.kind}-{m}" for k, m in LISTED if m != "NextToken"],
)
def test_a_list_takes_every_member(sagemaker: Any, kind: Kind, member: str) -> None:
    operation = kind.operations["List"]
    shape = members(operation.input_shape)[member]
    answer = getattr(sagemaker, xform_name(operation.name))(**{member: sample(member, shape)})
    assert kind.summary[0] in answer


@pytest.mark.parametrize("kind", KINDS, ids=[kind.resource.kind for kind in KINDS])
@pytest.mark.parametrize("verb", ["Describe", "Delete"])
def test_an_absent_one_is_refused_as_declared(sagemaker: Any, kind: Kind, verb: str) -> None:
    call = getattr(sagemaker, xform_name(kind.operations[verb].name))
    with pytest.raises(ClientError) as refused:
        call(**dict.fromkeys(kind.resource.key(), "absent"))
    assert refused.value.response["Error"]["Code"] == kind.resource.missing
    assert refused.value.response["Error"]["Message"]


@pytest.mark.parametrize("kind", KINDS, ids=[kind.resource.kind for kind in KINDS])
def test_every_answered_order_and_every_wrong_one(sagemaker: Any, kind: Kind) -> None:
    operation = kind.operations["List"]
    asked, call = members(operation.input_shape), getattr(sagemaker, xform_name(operation.name))
    for by in asked["SortBy"].metadata["enum"]:
        for order in ("Ascending", "Descending"):
            assert kind.summary[0] in call(SortBy=by, SortOrder=order)
    for wrong in ({"SortBy": "Colour"}, {"SortOrder": "Sideways"}, {"MaxResults": 0}, {"NextToken": "x"}):
        with pytest.raises(ClientError) as refused:
            call(**wrong)
        assert refused.value.response["Error"]["Code"] == "ValidationException"
