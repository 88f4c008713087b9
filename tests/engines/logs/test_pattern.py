"""Filter patterns as CloudWatch Logs documents them."""

from __future__ import annotations

import pytest

from clary.engines.logs.pattern import BadPattern, compile_pattern

MESSAGES = [
    "ERROR 500 disk full",
    "WARN disk slow",
    "INFO all well",
    '{"level": "ERROR", "code": 500, "at":{"host":"algo-1"}, "tags": [1, "b"], "done": true, "none": null}',
    '{"level": "INFO", "code": 200, "at": {"host": "algo-2"}}',
]


def passing(pattern: str) -> list[int]:
    test = compile_pattern(pattern)
    return [number for number, message in enumerate(MESSAGES) if test is None or test(message)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("   ", [0, 1, 2, 3, 4]),
        ("ERROR", [0, 3]),
        ("error", []),
        ("ERROR disk", [0]),
        ("disk -ERROR", [1]),
        ("?ERROR ?WARN", [0, 1, 3]),
        ('"disk full"', [0]),
        (r'"\"level\""', [3, 4]),
        ('-"disk slow"', [0, 2, 3, 4]),
        ('{ $.level = "ERROR" }', [3]),
        ("{ $.level = ERROR }", [3]),
        ('{ $.level != "ERROR" }', [4]),
        ("{ $.code = 500 }", [3]),
        ("{ $.code >= 200 && $.code < 500 }", [4]),
        ('{ $.at.host = "algo-*" }', [3, 4]),
        ('{ $["at"]["host"] = "algo-2" }', [4]),
        ('{ ($.code = 1 || $.code = 200) && $.level = "INFO" }', [4]),
        ('{ $.tags[1] = "b" }', [3]),
        ("{ $.done IS TRUE }", [3]),
        ("{ $.none IS NULL }", [3]),
        ("{ $.done NOT EXISTS }", [4]),
        ('{ $.absent = "x" }', []),
    ],
)
def test_a_pattern_lets_through_what_it_says(pattern: str, expected: list[int]) -> None:
    assert passing(pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "[ip, user]",
        "%regex%",
        "a.b",
        '"open',
        "?a b",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a = 1",
        "{ $.a = 1 } x",
        "{ a = 1 }",
        "{ $.a > x }",
        "{}",
        "{ $.a IS ODD }",
        "{ ($.a = 1 }",
    ],
)
def test_what_is_no_pattern_here_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        compile_pattern(pattern)
