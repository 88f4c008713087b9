"""Every declared kind against its service model: nothing a client may send is dropped."""

from __future__ import annotations

import string

import pytest

from clary.operations.dispatch import Dispatcher
from clary.operations.kinds import Kind, members, plural
from clary.store.pages import _TESTS

KINDS = Dispatcher().kinds("sagemaker")
ORDERS = {"Name", "Status", "CreationTime", "LastModifiedTime"}

pytestmark = pytest.mark.parametrize("kind", KINDS, ids=[kind.resource.kind for kind in KINDS])


def test_every_list_member_is_bound_or_declared_to_have_no_effect(kind: Kind) -> None:
    for member in kind.filters:
        if member in kind.resource.ignored:
            assert kind.resource.ignored[member], f"say why {member} has no effect"
            continue
        path, test = kind.bind(member)
        assert test in _TESTS, f"{member} is bound to the unknown test {test}"
        first = path.split(".")[0]
        assert first in kind.stored, f"{member} is bound to {path}, which no record has"


def test_every_declared_filter_is_a_member_of_the_list(kind: Kind) -> None:
    declared = set(kind.resource.filters) | set(kind.resource.ignored) | kind.resource.filters_after_paging
    assert declared <= set(kind.filters)


def test_every_order_has_an_index(kind: Kind) -> None:
    asked = members(kind.operations["List"].input_shape)
    if "SortBy" in asked:
        assert set(asked["SortBy"].metadata["enum"]) <= ORDERS | {kind.resource.key()[-1]}


def test_the_identity_is_what_describe_asks_for(kind: Kind) -> None:
    shape = kind.operations["Describe"].input_shape
    assert shape is not None
    assert set(shape.required_members) == set(kind.resource.key())


def test_the_arn_is_made_of_members_and_answered(kind: Kind) -> None:
    named = {name for _, name, _, _ in string.Formatter().parse(kind.resource.arn) if name}
    assert named <= kind.stored
    assert kind.arn_member in members(kind.operations["Create"].output_shape)
    assert kind.arn_member in members(kind.operations["Describe"].output_shape)


def test_the_status_and_what_is_answered_by_default_are_members_of_describe(kind: Kind) -> None:
    told = members(kind.operations["Describe"].output_shape)
    if kind.resource.status:
        assert kind.resource.status in told
    assert set(kind.resource.initial) <= set(told)
    for path in kind.resource.answers:
        shape = told[path.split(".")[0]]
        for part in path.split(".")[1:]:
            shape = members(shape.member if shape.type_name == "list" else shape)[part]  # type: ignore[attr-defined]


def test_a_summary_can_be_filled_from_a_record(kind: Kind) -> None:
    _, shape = kind.summary
    fillable = (
        kind.stored | set(kind.resource.summary) | {kind.arn_member, "CreationTime", "LastModifiedTime"}
    )
    assert set(shape.members) <= fillable


def test_a_kind_has_a_plural(kind: Kind) -> None:
    assert kind.operations["List"].name == f"List{plural(kind.resource.kind)}"
