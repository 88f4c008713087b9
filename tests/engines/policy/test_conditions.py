"""Every condition operator, on values that meet it and values that do not."""

from __future__ import annotations

import json

import pytest

from clary.engines.policy import parse
from clary.engines.policy.conditions import OPERATORS, holds

_CASES = [
    ("StringEquals", "a", ["a"], True),
    ("StringEquals", "a", ["A"], False),
    ("StringEquals", ["x", "a"], ["a"], True),
    ("StringEquals", "a*", ["ab"], False),
    ("StringEquals", "a", [], False),
    ("StringNotEquals", "a", ["b"], True),
    ("StringNotEquals", ["a", "b"], ["b"], False),
    ("StringNotEquals", "a", [], True),
    ("StringEqualsIgnoreCase", "Ab", ["aB"], True),
    ("StringNotEqualsIgnoreCase", "Ab", ["aB"], False),
    ("StringLike", "a*c", ["abc"], True),
    ("StringNotLike", "a*c", ["abc"], False),
    ("StringNotLike", "a*c", [], True),
    ("StringEqualsIfExists", "a", [], True),
    ("StringEqualsIfExists", "a", ["b"], False),
    ("NumericEquals", "1.0", ["1"], True),
    ("NumericEquals", 1, ["one"], False),
    ("NumericNotEquals", 1, ["2"], True),
    ("NumericLessThan", 10, ["9"], True),
    ("NumericLessThan", 10, ["10"], False),
    ("NumericLessThanEquals", 10, ["10"], True),
    ("NumericGreaterThan", "9", ["10"], True),
    ("NumericGreaterThanEquals", "10", ["9.99"], False),
    ("NumericLessThanIfExists", 3, [], True),
    ("DateEquals", "2026-01-01", ["2026-01-01T00:00:00Z"], True),
    ("DateEquals", "1767225600", ["2026-01-01T00:00:00Z"], True),
    ("DateNotEquals", "2026-01-01", ["2026-01-02"], True),
    ("DateLessThan", "2026-01-01T00:00:00+01:00", ["2025-12-31T22:59:59Z"], True),
    ("DateLessThan", "2026-01-01T00:00:00+01:00", ["2025-12-31T23:00:00Z"], False),
    ("DateLessThanEquals", "2026-01-01", ["2026-01-01"], True),
    ("DateGreaterThan", "2026-01-01", ["2026-01-01T00:00:01"], True),
    ("DateGreaterThanEquals", "2026-01-01", ["yesterday"], False),
    ("Bool", True, ["true"], True),
    ("Bool", "false", ["True"], False),
    ("Bool", "false", [], False),
    ("BoolIfExists", "false", [], True),
    ("BinaryEquals", "QmluYXJ5", ["QmluYXJ5"], True),
    ("BinaryEquals", "QmluYXJ5", ["b2Ro"], False),
    ("BinaryEquals", "%%%", ["%%%"], False),
    ("IpAddress", "203.0.113.0/24", ["203.0.113.7"], True),
    ("IpAddress", "203.0.113.7", ["203.0.113.7"], True),
    ("IpAddress", "203.0.113.0/24", ["203.0.114.7"], False),
    ("IpAddress", "2001:db8::/32", ["2001:db8:1::2"], True),
    ("IpAddress", "10.0.0.0/8", ["not an address"], False),
    ("NotIpAddress", "203.0.113.0/24", ["203.0.114.7"], True),
    ("NotIpAddress", ["203.0.113.0/24", "203.0.114.0/24"], ["203.0.114.7"], False),
    ("ArnEquals", "arn:aws:s3:::b*", ["arn:aws:s3:::bucket"], True),
    ("ArnLike", "arn:aws:iam::*:role/r", ["arn:aws:iam::1:role/r"], True),
    ("ArnLike", "arn:aws:iam::*:role/r", ["arn:aws:iam::1:user/x:role/r"], False),
    ("ArnNotEquals", "arn:aws:s3:::b", ["arn:aws:s3:::c"], True),
    ("ArnNotLike", "arn:aws:s3:::b*", ["arn:aws:s3:::bb"], False),
    ("ArnLike", "b", ["b"], False),
    ("Null", "true", [], True),
    ("Null", "true", ["x"], False),
    ("Null", False, ["x"], True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
    ("ForAllValues:StringEquals", ["a", "b"], [], True),
    ("ForAllValues:StringNotEquals", ["a"], ["b", "a"], False),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c"], False),
    ("ForAnyValue:StringEquals", ["a", "b"], [], False),
    ("ForAnyValue:StringNotEquals", ["a"], ["a", "b"], True),
    ("ForAnyValue:StringNotEquals", ["a"], ["a"], False),
    ("ForAnyValue:StringLikeIfExists", ["a*"], [], True),
    ("ForAllValues:NumericLessThan", 5, ["1", "6"], False),
    ("stringequals", "a", ["a"], True),
    ("foranyvalue:stringlike", "a*", ["b", "ab"], True),
]


@pytest.mark.parametrize(("operator", "wanted", "given", "met"), _CASES)
def test_an_operator_is_met_by_what_the_documentation_says(
    operator: str, wanted: object, given: list[str], met: bool
) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": {operator: {"Ns:Key": wanted}},
    }
    policy = parse(json.dumps({"Version": "2012-10-17", "Statement": statement}))
    [condition] = policy.statements[0].conditions
    context = {"ns:key": tuple(given)} if given else {}
    assert holds(condition, context) is met


def test_every_operator_has_a_case() -> None:
    tested = {case[0].rpartition(":")[2].removesuffix("IfExists").lower() for case in _CASES}
    assert tested == {*OPERATORS, "null"}


@pytest.mark.parametrize(
    ("operator", "given", "allow", "deny"),
    [
        ("StringLike", ["m5", "m5"], True, True),
        ("StringLike", ["m5", "p3"], False, True),
        ("StringLike", ["p3", "p3"], False, False),
        ("StringNotLike", ["m5", "p3"], False, True),
        ("StringNotLike", ["p3", "p4"], True, True),
        ("StringNotLike", ["m5", "m5"], False, False),
        ("ForAllValues:StringLike", ["m5", "p3"], False, False),
        ("ForAnyValue:StringLike", ["m5", "p3"], True, True),
    ],
)
def test_several_values_without_a_set_operator_are_taken_the_careful_way(
    operator: str, given: list[str], allow: bool, deny: bool
) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {"ns:k": "m5*"}}}
    [condition] = (
        parse(json.dumps({"Version": "2012-10-17", "Statement": statement})).statements[0].conditions
    )
    context = {"ns:k": tuple(given)}
    assert (holds(condition, context), holds(condition, context, deny=True)) == (allow, deny)
