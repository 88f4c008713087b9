"""An alarm's judgement: the documented tables of missing points, and AWS's words."""

from __future__ import annotations

import pytest

from clary.engines.cloudwatch.alarm import Rule, Treatment, judge

RETAIN = None
MINUTE = 60
T0 = 1_790_000_000 // MINUTE * MINUTE


def rule(to_alarm: int = 3, periods: int = 3, missing: Treatment = "missing") -> Rule:
    return Rule(
        comparison="GreaterThanThreshold",
        threshold=1.0,
        periods=periods,
        to_alarm=to_alarm,
        missing=missing,
    )


def seen(text: str) -> list[tuple[int, float | None]]:
    """Read periods as the documentation draws them: 0 within the threshold, X beyond it, - missing."""
    values = {"0": 0.0, "X": 2.0, "-": None}
    return [(T0 + number * MINUTE, values[sign]) for number, sign in enumerate(text.split())]


TREATMENTS: tuple[Treatment, ...] = ("missing", "ignore", "breaching", "notBreaching")
TABLES = [  # evidence/cloudwatch-alarms.md; the columns are TREATMENTS
    (3, "0 - X - X", ("OK", "OK", "OK", "OK")),
    (3, "0 - - - -", ("OK", "OK", "OK", "OK")),
    (3, "- - - - -", ("INSUFFICIENT_DATA", RETAIN, "ALARM", "OK")),
    (3, "0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
    (3, "- - X - -", ("ALARM", RETAIN, "ALARM", "OK")),
    (2, "0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
    (2, "0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
    (2, "0 - X - -", ("OK", "OK", "ALARM", "OK")),
    (2, "- - - - 0", ("OK", "OK", "ALARM", "OK")),
    (2, "- - - X -", ("ALARM", RETAIN, "ALARM", "OK")),
]


@pytest.mark.parametrize(
    ("to_alarm", "points", "missing", "state"),
    [
        (m, points, treatment, state)
        for m, points, states in TABLES
        for treatment, state in zip(TREATMENTS, states, strict=True)
    ],
)
def test_the_documented_tables(to_alarm: int, points: str, missing: Treatment, state: str | None) -> None:
    verdict = judge(rule(to_alarm, missing=missing), seen(points))
    assert (verdict.state if verdict else RETAIN) == state


@pytest.mark.parametrize("points", ["- - - - X", "- - - X -"])
def test_an_alarm_waits_while_the_breach_is_young(points: str) -> None:
    verdict = judge(rule(3), seen(points))
    assert verdict is not None
    assert verdict.state == "OK"


@pytest.mark.parametrize(
    ("comparison", "value", "alarm"),
    [
        ("GreaterThanThreshold", 1.0, False),
        ("GreaterThanThreshold", 1.5, True),
        ("GreaterThanOrEqualToThreshold", 1.0, True),
        ("LessThanThreshold", 1.0, False),
        ("LessThanThreshold", 0.5, True),
        ("LessThanOrEqualToThreshold", 1.0, True),
    ],
)
def test_each_comparison(comparison: str, value: float, alarm: bool) -> None:
    one = Rule(comparison=comparison, threshold=1.0, periods=1, to_alarm=1)
    verdict = judge(one, [(T0, value)])
    assert verdict is not None
    assert (verdict.state == "ALARM") == alarm


REASONS = [
    (
        rule(1, 1),
        "X",
        "Threshold Crossed: 1 datapoint [2.0 (21/09/26 14:13:00)] was greater than the threshold (1.0).",
    ),
    (
        rule(1, 1),
        "0",
        "Threshold Crossed: 1 datapoint [0.0 (21/09/26 14:13:00)] was not greater than the threshold (1.0).",
    ),
    (
        rule(2, 2),
        "X X",
        "Threshold Crossed: 2 out of the last 2 datapoints [2.0 (21/09/26 14:14:00), 2.0 (21/09/26 14:13:00)]"
        " were greater than the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition).",
    ),
    (
        rule(2, 2),
        "X 0",
        "Threshold Crossed: 1 out of the last 2 datapoints [0.0 (21/09/26 14:14:00)] was not greater than the"
        " threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition).",
    ),
    (rule(1, 1), "-", "Insufficient Data: 1 datapoint was unknown."),
    (rule(3, 3), "- - -", "Insufficient Data: 3 datapoints were unknown."),
    (
        rule(3, 3, "breaching"),
        "- - -",
        "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated "
        "as [Breaching].",
    ),
    (
        rule(2, 3, "breaching"),
        "- X -",
        "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as "
        "[Breaching].",
    ),
    (
        rule(1, 1, "notBreaching"),
        "-",
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
        "[NonBreaching].",
    ),
]


@pytest.mark.parametrize(("judged", "points", "words"), REASONS)
def test_the_reason_is_worded_as_by_aws(judged: Rule, points: str, words: str) -> None:
    verdict = judge(judged, seen(points))
    assert verdict is not None
    assert verdict.reason == words
