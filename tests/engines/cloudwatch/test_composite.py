"""The rules of composite alarms."""

from __future__ import annotations

import pytest

from clary.engines.cloudwatch.composite import BadRule, parse_rule

STATES = {"a": "ALARM", "b": "OK", "two words": "INSUFFICIENT_DATA"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("ALARM(a)", True),
        ('ALARM("a") AND OK(b)', True),
        ("ALARM(a) AND ALARM(b)", False),
        ("ALARM(b) OR ALARM(a)", True),
        ("NOT ALARM(a)", False),
        ("ALARM(b) AND TRUE OR ALARM(a)", True),
        ("ALARM(a) AND (ALARM(b) OR FALSE)", False),
        ('INSUFFICIENT_DATA("two words")', True),
        ("OK(nowhere)", False),
        ("FALSE" + " OR FALSE" * 1100 + " OR TRUE", True),
        ("NOT (ALARM(a) AND OK(b))", False),
    ],
)
def test_a_rule_holds_or_not(text: str, holds: bool) -> None:
    test, _ = parse_rule(text)
    assert test(STATES.get) == holds


def test_a_rule_tells_which_alarms_it_names() -> None:
    assert parse_rule('ALARM(a) OR OK("two words")')[1] == {"a", "two words"}


@pytest.mark.parametrize(
    "text", ["", "ALARM", "ALARM(", "ALARM(a", "a", "ALARM(a) ALARM(b)", "(" * 99, "OK()"]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(BadRule):
        parse_rule(text)
