"""Wildcards and variables."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.engines.policy.pattern import compile_pattern

_TEXT = st.text("ab*?:/$", max_size=12)


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("*", "", True),
        ("a*", "abc", True),
        ("a*c", "abcbc", True),
        ("a*b*c", "acb", False),
        ("a?c", "ac", False),
        ("?", "é", True),
        ("*ab", "aab", True),
        ("ab*ab", "ab", False),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("${aws:username}", "bob", True),
        ("home/${aws:username}/*", "home/bob/x", True),
        ("home/${aws:username}/*", "home/eve/x", False),
        ("${aws:nobody}", "", False),
        ("${aws:nobody, 'all'}", "all", True),
        ("${*}", "*", True),
        ("${*}", "x", False),
        ("${star}", "anything", False),
        ("${star}", "*", True),
        ("${several}", "a", False),
    ],
)
def test_a_pattern_fits_what_it_says(pattern: str, value: str, fits: bool) -> None:
    context = {"aws:username": ("bob",), "star": ("*",), "several": ("a", "b")}
    assert compile_pattern(pattern, wild=True, variables=True).matches(value, context) is fits


@given(pattern=_TEXT, value=_TEXT)
def test_wildcards_agree_with_a_regular_expression(pattern: str, value: str) -> None:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    expected = re.fullmatch(expression, value, re.DOTALL) is not None
    assert compile_pattern(pattern, wild=True, variables=False).matches(value, {}) is expected


@given(name=_TEXT, value=_TEXT)
def test_what_a_variable_stands_for_is_taken_literally(name: str, value: str) -> None:
    assert compile_pattern("${k}", wild=True, variables=True).matches(value, {"k": (name,)}) is (
        name == value
    )


@given(text=_TEXT, value=_TEXT)
def test_without_wildcards_a_text_fits_only_itself(text: str, value: str) -> None:
    assert compile_pattern(text, wild=False, variables=False).matches(value, {}) is (text == value)


def test_a_hostile_pattern_costs_no_more_than_its_length() -> None:
    pattern = compile_pattern("*a" * 500 + "b", wild=True, variables=False)
    began = time.process_time()
    assert not pattern.matches("a" * 20_000, {})
    assert time.process_time() - began < 1
