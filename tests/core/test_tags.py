"""Tags are read from either form, changed by key, and written as a list."""

from __future__ import annotations

import pytest

from clary.core.tags import listed, retagged, tags_of

AS_LIST = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
AS_MAP = {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (AS_LIST, AS_MAP),
        (AS_MAP, AS_MAP),
        ([{"Key": "a"}], {"a": ""}),
        ([{"Value": "1"}, "a"], {}),
        (None, {}),
        ("a=1", {}),
    ],
)
def test_tags_are_read_from_either_form(value: object, tags: dict[str, str]) -> None:
    assert tags_of(value) == tags


@pytest.mark.parametrize("kept", [AS_LIST, AS_MAP])
def test_a_tag_keeps_its_place_when_its_value_is_replaced(kept: object) -> None:
    assert listed(retagged(kept, [{"Key": "a", "Value": "9"}, {"Key": "c", "Value": "3"}])) == [
        {"Key": "a", "Value": "9"},
        {"Key": "b", "Value": "2"},
        {"Key": "c", "Value": "3"},
    ]


def test_a_tag_that_is_to_go_goes_and_one_that_is_not_there_does_not_matter() -> None:
    assert retagged(AS_LIST, gone={"a", "z"}) == {"b": "2"}
