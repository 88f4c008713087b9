"""Every declared kind against its service model: nothing a client may send is dropped."""

from __future__ import annotations

import string

import pytest

from clary.operations.dispatch import Dispatcher
from clary.operations.kinds import Kind, members, plural
from clary.resources import registry
from clary.store.pages import _TESTS

KINDS = Dispatcher().kinds("sagemaker")
LISTED = [kind for kind in KINDS if "List" in kind.operations]
ALWAYS = {"CreationTime", "LastModifiedTime"}  # Every record has these.

each = pytest.mark.parametrize("kind", KINDS, ids=[kind.resource.kind for kind in KINDS])
each_listed = pytest.mark.parametrize("kind", LISTED, ids=[kind.resource.kind for kind in LISTED])


@each_listed
def test_every_list_member_is_bound_or_declared_to_have_no_effect(kind: Kind) -> None:
    for member in kind.filters:
        if member in kind.resource.ignored:
            assert kind.resource.ignored[member], f"say why {member} has no effect"
            continue
        path, test = kind.bind(member)
        assert test in _TESTS, f"{member} is bound to the unknown test {test}"
        first = path.split(".")[0]
        assert first in kind.stored | ALWAYS, f"{member} is bound to {path}, which no record has"


@each_listed
def test_every_declared_filter_is_a_member_of_the_list(kind: Kind) -> None:
    declared = set(kind.resource.filters) | set(kind.resource.ignored) | kind.resource.filters_after_paging
    assert declared <= set(kind.filters)


@each_listed
def test_every_order_is_one_that_records_have(kind: Kind) -> None:
    asked = members(kind.operations["List"].input_shape)
    if "SortBy" not in asked:
        assert not kind.resource.orders
        return
    orders = set(asked["SortBy"].metadata["enum"])
    assert set(kind.resource.orders) <= orders
    for by in orders:
        first = kind.resource.order(by).split(".")[0]
        assert first in kind.stored | ALWAYS | {"Name"} | ({"Status"} if kind.resource.status else set())


@each
def test_the_identity_is_what_describe_asks_for(kind: Kind) -> None:
    shape = kind.operations["Describe"].input_shape
    assert shape is not None
    by_arn = {kind.resource.asked_by or kind.arn_member}
    assert set(shape.required_members) <= set(kind.resource.key()) or set(shape.required_members) == by_arn


@each
def test_the_arn_is_made_of_members_and_answered(kind: Kind) -> None:
    named = {name for _, name, _, _ in string.Formatter().parse(kind.resource.arn) if name}
    assert named <= kind.stored
    assert kind.arn_member in kind.described


@each
def test_the_status_and_what_is_answered_by_default_are_members_of_describe(kind: Kind) -> None:
    told = kind.described
    if kind.resource.status:
        assert kind.resource.status in told
    assert set(kind.resource.initial) <= set(told)
    for path in kind.resource.answers:
        shape = told[path.split(".")[0]]
        for part in path.split(".")[1:]:
            shape = members(shape.member if shape.type_name == "list" else shape)[part]  # type: ignore[attr-defined]


@each
def test_what_is_shown_elsewhere_is_a_member_that_is_answered(kind: Kind) -> None:
    summary = set(kind.summary[1].members) if "List" in kind.operations else set()
    assert set(kind.resource.shown) <= set(kind.described) | summary
    assert set(kind.resource.summary) <= summary


@each
def test_other_kinds_that_are_named_are_declared(kind: Kind) -> None:
    declared = {name for service, name in registry.load() if service == kind.resource.service}
    assert {*kind.resource.within.values(), *kind.resource.holds} <= declared
    changed = members(kind.operations["Update"].input_shape) if "Update" in kind.operations else {}
    assert set(kind.resource.removals) <= set(changed)


@each_listed
def test_a_summary_can_be_filled_from_a_record(kind: Kind) -> None:
    _, shape = kind.summary
    assert set(shape.members) <= kind.stored | set(kind.resource.summary) | {kind.arn_member} | ALWAYS


@each_listed
def test_a_kind_has_a_plural(kind: Kind) -> None:
    assert kind.operations["List"].name in (
        f"List{plural(kind.resource.kind)}",
        kind.resource.named.get("List"),
    )
