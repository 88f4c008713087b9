"""Patterns: each comparison by itself, their faults, and what holds of all of them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.engines.events.pattern import PatternFault, parse, read

EVENT = {
    "source": "aws.sagemaker",
    "detail-type": "SageMaker Training Job State Change",
    "resources": ["arn:aws:sagemaker:us-east-1:1:training-job/a", "arn:x"],
    "detail": {
        "TrainingJobStatus": "Failed",
        "Count": 3,
        "Share": 0.5,
        "Spot": True,
        "Nothing": None,
        "Empty": [],
        "Ip": "10.0.0.7",
        "Variants": [{"Name": "a", "Weight": 1}, {"Name": "b", "Weight": 0}],
    },
}


@pytest.mark.parametrize(
    ("field", "values", "matches"),
    [
        ("TrainingJobStatus", ["Failed", "Stopped"], True),
        ("TrainingJobStatus", ["failed"], False),
        ("TrainingJobStatus", [{"equals-ignore-case": "fAILED"}], True),
        ("TrainingJobStatus", [{"prefix": "Fai"}], True),
        ("TrainingJobStatus", [{"prefix": {"equals-ignore-case": "fAi"}}], True),
        ("TrainingJobStatus", [{"suffix": "led"}], True),
        ("TrainingJobStatus", [{"suffix": {"equals-ignore-case": "LED"}}], True),
        ("TrainingJobStatus", [{"suffix": "LED"}], False),
        ("TrainingJobStatus", [{"wildcard": "F*l*d"}], True),
        ("TrainingJobStatus", [{"wildcard": "F*x"}], False),
        ("TrainingJobStatus", [{"anything-but": "Failed"}], False),
        ("TrainingJobStatus", [{"anything-but": ["Completed", "Stopped"]}], True),
        ("TrainingJobStatus", [{"anything-but": {"prefix": "Fail"}}], False),
        ("TrainingJobStatus", [{"anything-but": {"suffix": ["ed", "x"]}}], False),
        ("TrainingJobStatus", [{"anything-but": {"wildcard": "*pp*"}}], True),
        ("TrainingJobStatus", [{"anything-but": {"equals-ignore-case": ["FAILED"]}}], False),
        ("Count", [3], True),
        ("Count", [3.0], True),
        ("Count", ["3"], False),
        ("Count", [{"numeric": ["=", 3]}], True),
        ("Count", [{"numeric": [">", 0, "<=", 3]}], True),
        ("Count", [{"numeric": [">", 3]}], False),
        ("Count", [{"anything-but": [3, 4]}], False),
        ("Spot", [{"numeric": [">", 0]}], False),
        ("Spot", [True], True),
        ("Spot", [1], False),
        ("Share", [0.5], True),
        ("Nothing", [None], True),
        ("Nothing", [{"exists": True}], True),
        ("Absent", [None], False),
        ("Absent", [{"exists": False}], True),
        ("Absent", [{"exists": True}], False),
        ("Absent", [{"anything-but": "x"}], False),
        ("Absent", ["x", {"exists": False}], True),
        ("Empty", [{"exists": False}], True),
        ("Ip", [{"cidr": "10.0.0.0/24"}], True),
        ("Ip", [{"cidr": "10.0.1.0/24"}], False),
        ("Ip", [{"cidr": "2001:db8::/32"}], False),
        ("Count", [{"cidr": "10.0.0.0/24"}], False),
    ],
)
def test_a_field_is_compared(field: str, values: list[object], matches: bool) -> None:
    assert read({"detail": {field: values}}).matches(EVENT) is matches


def test_an_array_offers_each_of_its_elements() -> None:
    assert read({"resources": ["arn:x"]}).matches(EVENT)
    assert read({"resources": [{"anything-but": "arn:x"}]}).matches(EVENT)
    assert not read({"resources": ["arn:y"]}).matches(EVENT)


def test_fields_of_one_object_belong_to_one_element() -> None:
    assert read({"detail": {"Variants": {"Name": ["a"], "Weight": [1]}}}).matches(EVENT)
    assert not read({"detail": {"Variants": {"Name": ["a"], "Weight": [0]}}}).matches(EVENT)


def test_either_of_several_fields_may_do() -> None:
    either = {"$or": [{"Count": [{"numeric": [">", 5]}]}, {"TrainingJobStatus": ["Failed"]}]}
    assert read({"source": ["aws.sagemaker"], "detail": either}).matches(EVENT)
    assert not read({"detail": {**either, "Spot": [False]}}).matches(EVENT)
    assert not read({"$or": [{"source": ["x"]}, {"account": ["1"]}]}).matches(EVENT)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[]", "a JSON object"),
        ("{}", "empty"),
        ('{"source": "aws"}', '"source" must be an object or an array'),
        ('{"source": []}', "empty array"),
        ('{"detail": {}}', "empty"),
        ('{"source": [["a"]]}', "array within"),
        ('{"source": [{"like": "x"}]}', "unrecognized match type like"),
        ('{"source": [{"prefix": "a", "suffix": "b"}]}', "one member"),
        ('{"source": [{"prefix": 1}]}', "must be a text"),
        ('{"source": [{"wildcard": "a**"}]}', "two stars"),
        ('{"source": [{"wildcard": "a\\\\b"}]}', "may be escaped"),
        ('{"n": [{"numeric": [">", 3, "<", 1]}]}', "less than"),
        ('{"n": [{"numeric": ["<", 3, ">", 1]}]}', "range"),
        ('{"n": [{"numeric": ["!", 3]}]}', "compares by"),
        ('{"n": [{"numeric": [">", "3"]}]}', "needs a number"),
        ('{"n": [{"numeric": [">"]}]}', "must be"),
        ('{"n": [{"exists": "yes"}]}', "true or false"),
        ('{"n": [{"cidr": "x"}]}', "10.0.0.0/24"),
        ('{"n": [{"anything-but": []}]}', "must be"),
        ('{"n": [{"anything-but": ["a", 1]}]}', "must be"),
        ('{"n": [{"anything-but": {"numeric": [">", 1]}}]}', "may have one of"),
        ('{"$or": [{"a": ["b"]}]}', "two objects"),
    ],
)
def test_a_fault_says_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(PatternFault, match=why.replace("(", r"\(")):
        parse(text)


def test_a_pattern_is_only_so_deep() -> None:
    for depth, opening, closing in ((50, '{"a":', "}"), (25, '{"$or":[{"b":["c"]},', "]}")):
        text = opening * (depth - 1) + '{"a":["b"]}' + closing * (depth - 1)
        parse(text)
        with pytest.raises(PatternFault, match="more than 50 objects deep"):
            parse(opening * 300 + '{"a":["b"]}' + closing * 300)


class Counted(str):
    """A text that counts how often it is compared."""

    asked = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        """Count, and compare."""
        Counted.asked += 1
        return str(self) == other


@pytest.mark.parametrize("how", [lambda values: values, lambda values: [{"anything-but": values}]])
def test_many_values_are_not_compared_one_by_one(how: Callable[[list[str]], object]) -> None:
    pattern = read({"a": how([f"v{n}" for n in range(500)])})
    Counted.asked = 0
    pattern.matches({"a": [Counted(f"w{n}") for n in range(500)]})
    assert Counted.asked < 5_000


@pytest.mark.parametrize(
    ("wanted", "found", "fits"),
    [
        (1, 1.0, True),
        (1, True, False),
        (True, 1, False),
        (None, None, True),
        ("1", 1, False),
        (False, False, True),
    ],
)
def test_exact_values_are_of_one_kind(wanted: object, found: object, fits: bool) -> None:
    assert read({"a": [wanted]}).matches({"a": found}) is fits


def test_a_wildcard_may_be_escaped() -> None:
    assert read({"a": [{"wildcard": "x\\*y*"}]}).matches({"a": "x*yz"})
    assert not read({"a": [{"wildcard": "x\\*y*"}]}).matches({"a": "xxyz"})
    assert read({"a": [{"wildcard": "x\\\\*"}]}).matches({"a": "x\\y"})


SCALARS = st.one_of(st.text(max_size=8), st.integers(-99, 99), st.booleans(), st.none())
EVENTS = st.recursive(
    st.dictionaries(st.text("abc", min_size=1, max_size=2), SCALARS, min_size=1, max_size=3),
    lambda inner: st.dictionaries(
        st.text("abc", min_size=1, max_size=2), inner | SCALARS, min_size=1, max_size=3
    ),
    max_leaves=8,
)


def as_pattern(event: object) -> object:
    if isinstance(event, dict):
        return {name: as_pattern(value) for name, value in event.items()}
    return [event]


@given(EVENTS)
def test_an_event_matches_the_pattern_made_of_it(event: dict[str, object]) -> None:
    assert parse(json.dumps(as_pattern(event))).matches(event)


@given(st.text(max_size=12), st.text(max_size=6))
def test_comparisons_of_texts_mean_what_they_say(value: str, part: str) -> None:
    def takes(how: object) -> bool:
        return read({"a": [how]}).matches({"a": value})

    assert takes({"prefix": part}) is value.startswith(part)
    assert takes({"suffix": part}) is value.endswith(part)
    assert takes({"anything-but": part}) is (value != part)
    assert takes({"anything-but": {"prefix": part}}) is not value.startswith(part)
    escaped = part.replace("\\", "\\\\").replace("*", "\\*")
    assert takes({"wildcard": f"*{escaped}*" if part else "*"}) is (part in value)


@given(st.integers(-100, 100), st.integers(-100, 99), st.integers(1, 50))
def test_a_range_of_numbers_means_what_it_says(value: int, low: int, width: int) -> None:
    pattern = read({"a": [{"numeric": [">=", low, "<", low + width]}]})
    assert pattern.matches({"a": value}) is (low <= value < low + width)
