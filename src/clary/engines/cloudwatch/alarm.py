"""When an alarm changes its state. How missing points count: evidence/cloudwatch-alarms.md."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Treatment = Literal["missing", "ignore", "breaching", "notBreaching"]

COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
MARGIN = 2
"""Periods looked at beyond those that count, in case some of them have no point."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """So many of so many periods must breach a threshold."""

    comparison: str
    threshold: float
    periods: int
    to_alarm: int
    missing: Treatment = "missing"

    def breaches(self, value: float) -> bool:
        """Say whether a value does."""
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True)
class Verdict:
    """The state that follows from the points, in AWS's words; `points` are the real ones it rests on."""

    state: State
    reason: str
    points: tuple[tuple[int, float], ...]


def judge(rule: Rule, seen: Sequence[tuple[int, float | None]]) -> Verdict | None:
    """Judge the latest periods, (second, value or None), oldest first. None keeps the state as it is."""
    real = tuple((at, value) for at, value in seen if value is not None)[-rule.periods :]
    gaps = rule.periods - len(real)
    breaching = sum(rule.breaches(value) for _, value in real)
    if gaps and rule.missing in ("breaching", "notBreaching"):
        alarm = breaching + (gaps if rule.missing == "breaching" else 0) >= rule.to_alarm
        return Verdict("ALARM" if alarm else "OK", _filled(rule, len(real), gaps), real)
    if not real:
        if rule.missing == "ignore":
            return None
        return Verdict("INSUFFICIENT_DATA", f"Insufficient Data: {_unknown(rule.periods)}.", ())
    if breaching >= rule.to_alarm:
        return Verdict("ALARM", _crossed(rule, real, alarm=True), real)
    if gaps and breaching == len(real) and _age(seen, real[0][0]) >= rule.to_alarm:
        # All that is known breaches, and has for as long as an alarm takes: AWS calls it premature.
        return None if rule.missing == "ignore" else Verdict("ALARM", _crossed(rule, real, alarm=True), real)
    return Verdict("OK", _crossed(rule, real, alarm=False), real)


def _age(seen: Sequence[tuple[int, float | None]], second: int) -> int:
    """Return how many periods ago a point was, the latest period being 1."""
    return sum(at >= second for at, _ in seen)


def _crossed(rule: Rule, real: Sequence[tuple[int, float]], *, alarm: bool) -> str:
    telling = [point for point in reversed(real) if rule.breaches(point[1]) == alarm]
    if not telling:  # Too few to alarm, and none that does not breach.
        alarm, telling = True, list(reversed(real))
    shown = ", ".join(f"{value!r} ({_time(at)})" for at, value in telling)
    be = "was" if len(telling) == 1 else "were"
    words = f"{'' if alarm else 'not '}{COMPARISONS[rule.comparison][1]} the threshold ({rule.threshold!r})"
    if rule.periods == 1:
        return f"Threshold Crossed: 1 datapoint [{shown}] {be} {words}."
    least = rule.to_alarm if alarm else rule.periods - rule.to_alarm + 1
    change = "OK -> ALARM" if alarm else "ALARM -> OK"
    return (
        f"Threshold Crossed: {len(telling)} out of the last {rule.periods} datapoints [{shown}] {be} {words} "
        f"(minimum {least} datapoint{'' if least == 1 else 's'} for {change} transition)."
    )


def _filled(rule: Rule, real: int, gaps: int) -> str:
    received = f"{real or 'no'} datapoint{'' if real == 1 else 's'} {'was' if real == 1 else 'were'} received"
    periods = f"{rule.periods} period{'' if rule.periods == 1 else 's'}"
    missing = f"{gaps} missing datapoint{' was' if gaps == 1 else 's were'}"
    way = "Breaching" if rule.missing == "breaching" else "NonBreaching"
    return f"Threshold Crossed: {received} for {periods} and {missing} treated as [{way}]."


def _unknown(periods: int) -> str:
    return "1 datapoint was unknown" if periods == 1 else f"{periods} datapoints were unknown"


def _time(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%d/%m/%y %H:%M:%S")
