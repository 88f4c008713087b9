"""The paths of data processing: every documented form, and what is refused."""

from __future__ import annotations

import pytest

from clary.runtime.transform.jsonpath import PathError, Places, Range, columns, parse, places_of, select

DOCUMENT = {
    "id": 7,
    "features": [10, 20, 30, 40],
    "more": {"a": 1, "b": {"c": 2}},
    "rows": [{"x": 1}, {"x": 2}],
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", DOCUMENT),
        ("$.id", 7),
        ("$['id']", 7),
        ('$["id"]', 7),
        ("$.more.b.c", 2),
        ("$.more.*", [1, {"c": 2}]),
        ("$.more[*]", [1, {"c": 2}]),
        ("$['id','features']", {"id": 7, "features": [10, 20, 30, 40]}),
        ("$.more['a']", 1),
        ("$.more.['a','b']", {"a": 1, "b": {"c": 2}}),
        ("$.features[0]", 10),
        ("$.features[-1]", 40),
        ("$.features[0,-1]", [10, 40]),
        ("$.features[ 1 , 3 ]", [20, 40]),
        ("$.features[1:2]", [20, 30]),
        ("$.features[:1]", [10, 20]),
        ("$.features[2:]", [30, 40]),
        ("$.features[-2:]", [30, 40]),
        ("$.features[0,2:]", [10, 30, 40]),
        ("$.rows[*].x", [1, 2]),
        ("$.rows.*.x", [1, 2]),
        ("$.rows[1].x", 2),
    ],
)
def test_a_path_leads_to_what_it_says(path: str, found: object) -> None:
    assert select(parse(path), DOCUMENT) == found


@pytest.mark.parametrize(
    "path", ["", "id", "$id", "$.", "$..id", "$[", "$[]", "$[a]", "$['a]", "$[1:2:3]", "$['a',1]", "$.a b"]
)
def test_what_is_no_path_is_refused_by_name(path: str) -> None:
    with pytest.raises(PathError, match="Invalid JsonPath"):
        parse(path)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("$.other", "no attribute 'other'; it has 'id', 'features'"),
        ("$['id','other']", "no attribute 'other'"),
        ("$.features[4]", "index 4 is not within the 4 elements"),
        ("$.features[-5]", "index -5 is not within"),
        ("$.features[1:9]", "index 9 is not within"),
        ("$.id[0]", "a number where the path needs an array"),
        ("$.features.x", "an array where the path needs an object"),
    ],
)
def test_what_the_data_does_not_have_is_said(path: str, words: str) -> None:
    with pytest.raises(PathError, match=words.replace("[", r"\[")):
        select(parse(path), DOCUMENT)


def test_columns_are_chosen_by_number() -> None:
    assert columns(parse("$"), 3) == (0, 1, 2)
    assert columns(parse("$[*]"), 3) == (0, 1, 2)
    assert columns(parse("$[1:]"), 3) == (1, 2)
    assert columns(parse("$[0,-1]"), 4) == (0, 3)
    assert columns(parse("$[1:4]"), 6) == (1, 2, 3, 4)  # the second to the fifth, as the guide has it


@pytest.mark.parametrize("path", ["$.id", "$['id']", "$[0][1]", "$[5]"])
def test_csv_has_no_names_and_no_depth(path: str) -> None:
    with pytest.raises(PathError):
        columns(parse(path), 3)


def test_columns_are_told_without_counting_them() -> None:
    with pytest.raises(PathError, match="only columns"):
        places_of(parse("$[0][1]"))
    assert places_of(parse("$")) == Places((Range(None, None),))
    assert places_of(parse("$[0,99999999999:]")) == Places((0, Range(99999999999, None)))
