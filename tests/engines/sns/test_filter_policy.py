"""Which messages a filter policy takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clary.engines.sns.filter_policy import BY_ATTRIBUTES, BY_BODY, BadPolicy, parse, takes

ATTRIBUTES = {
    "store": {"DataType": "String", "StringValue": "example_corp"},
    "price": {"DataType": "Number", "StringValue": "210.75"},
    "interests": {"DataType": "String.Array", "StringValue": '["soccer", "rugby", true, 5]'},
    "ip": {"DataType": "String", "StringValue": "10.0.0.7"},
    "raw": {"DataType": "Binary", "BinaryValue": b"x"},
}
BODY = {
    "store": "example_corp",
    "price": 210.75,
    "interests": ["soccer", "rugby", True, 5],
    "ip": "10.0.0.7",
    "none": None,
    "items": [{"kind": "a", "size": 1}, {"kind": "b", "size": 2}],
    "deep": {"down": {"here": "x"}},
}
BOTH = [
    ({}, True),
    ({"store": ["example_corp"]}, True),
    ({"store": ["other", "example_corp"]}, True),
    ({"store": ["Example_corp"]}, False),
    ({"store": [{"prefix": "exam"}]}, True),
    ({"store": [{"suffix": "corp"}]}, True),
    ({"store": [{"suffix": "exam"}]}, False),
    ({"store": [{"wildcard": "ex*_*p"}]}, True),
    ({"store": [{"wildcard": "*.corp"}]}, False),
    ({"store": [{"wildcard": "example_cor?"}]}, False),
    ({"store": [{"wildcard": "*mple_c*"}]}, True),
    ({"store": [{"wildcard": "*corp*corp"}]}, False),
    ({"store": [{"equals-ignore-case": "EXAMPLE_corp"}]}, True),
    ({"store": [{"anything-but": "other"}]}, True),
    ({"store": [{"anything-but": ["example_corp"]}]}, False),
    ({"store": [{"anything-but": {"prefix": "exam"}}]}, False),
    ({"store": [{"anything-but": {"suffix": "x"}}]}, True),
    ({"store": [{"exists": True}]}, True),
    ({"store": [{"exists": False}]}, False),
    ({"gone": [{"exists": False}]}, True),
    ({"gone": [{"anything-but": "x"}]}, False),
    ({"gone": [{"anything-but": "x"}, {"exists": False}]}, True),
    ({"price": [210.75]}, True),
    ({"price": ["210.75"]}, False),
    ({"price": [{"numeric": [">", 100, "<=", 210.75]}]}, True),
    ({"price": [{"numeric": ["=", 210.750]}]}, True),
    ({"price": [{"numeric": ["<", 210.75]}]}, False),
    ({"price": [{"anything-but": [1, 2]}]}, True),
    ({"store": [{"numeric": [">", 1]}]}, False),
    ({"interests": ["rugby"]}, True),
    ({"interests": [True]}, True),
    ({"interests": [5]}, True),
    ({"interests": [1]}, False),
    ({"interests": [{"anything-but": ["rugby"]}]}, False),
    ({"interests": [{"anything-but": ["tennis"]}]}, True),
    ({"ip": [{"cidr": "10.0.0.0/24"}]}, True),
    ({"ip": [{"cidr": "10.0.1.0/24"}]}, False),
    ({"store": ["example_corp"], "price": [1]}, False),
    ({"$or": [{"store": ["x"]}, {"price": [210.75]}]}, True),
    ({"ip": [{"prefix": "1"}], "$or": [{"store": ["x"]}, {"price": [1]}]}, False),
    ({"$or": [{"prefix": "a"}, {"suffix": "b"}]}, False),
]


@pytest.mark.parametrize(("policy", "taken"), BOTH)
def test_attributes_and_bodies_are_held_against_the_same_rules(policy: dict[str, Any], taken: bool) -> None:
    parsed = parse(json.dumps(policy), BY_ATTRIBUTES)
    assert takes(parsed, BY_ATTRIBUTES, "no JSON", ATTRIBUTES) is taken
    parsed = parse(json.dumps(policy), BY_BODY)
    assert takes(parsed, BY_BODY, json.dumps(BODY), {}) is taken


@pytest.mark.parametrize(
    ("policy", "taken"),
    [
        ({"none": [None]}, True),
        ({"store": [None]}, False),
        ({"deep": {"down": {"here": ["x"]}}}, True),
        ({"deep": {"down": {"here": [{"exists": True}]}}}, True),
        ({"deep": {"up": {"here": ["x"]}}}, False),
        ({"deep": ["x"]}, False),
        ({"items": {"kind": ["b"], "size": [2]}}, True),
        ({"items": {"kind": ["a"], "size": [2]}}, False),
    ],
)
def test_bodies_have_depth(policy: dict[str, Any], taken: bool) -> None:
    assert takes(parse(json.dumps(policy), BY_BODY), BY_BODY, json.dumps(BODY), {}) is taken


@pytest.mark.parametrize(
    "body", ["", "no JSON", "[]", '"x"', "[" * 100_000, f'{{"a": {"[" * 600}{"]" * 600}}}']
)
def test_a_body_that_is_no_object_is_not_taken(body: str) -> None:
    assert not takes(parse('{"a": [{"exists": false}]}', BY_BODY), BY_BODY, body, {})


def test_many_wildcards_take_no_longer_than_the_text() -> None:
    policy = parse(
        json.dumps({"store": [{"wildcard": "*a" * 40 + "*b"}]}), BY_BODY
    )  # all publishers wait for it
    assert not takes(policy, BY_BODY, json.dumps({"store": "a" * 10_000}), {})


def test_a_policy_that_nests_too_deeply_is_refused() -> None:
    with pytest.raises(BadPolicy, match="FilterPolicy: "):
        parse('{"a":' * 990 + '["x"]' + "}" * 990, BY_BODY)


def test_a_binary_attribute_is_not_seen() -> None:
    assert not takes(parse('{"raw": [{"exists": true}]}', BY_ATTRIBUTES), BY_ATTRIBUTES, "", ATTRIBUTES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"a": "b"}',
        '{"a": []}',
        '{"a": [["b"]]}',
        '{"a": [{"prefix": "b", "suffix": "c"}]}',
        '{"a": [{"like": "b"}]}',
        '{"a": [{"prefix": 1}]}',
        '{"a": [{"exists": "yes"}]}',
        '{"a": [{"numeric": []}]}',
        '{"a": [{"numeric": [">"]}]}',
        '{"a": [{"numeric": [[">"], 1]}]}',
        '{"a": [{"numeric": ["<", 1, ">", 0]}]}',
        '{"a": [{"numeric": ["=", 1e10]}]}',
        '{"a": [{"cidr": "here"}]}',
        '{"a": [{"anything-but": []}]}',
        '{"a": [{"anything-but": {"exists": true}}]}',
        '{"a": {"b": ["c"]}}',
        json.dumps({str(number): ["x"] for number in range(6)}),
        json.dumps({str(number): ["x"] * 13 for number in range(2)}),
    ],
)
def test_what_is_no_filter_policy_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(BadPolicy, match="FilterPolicy: "):
        parse(text, BY_ATTRIBUTES)
