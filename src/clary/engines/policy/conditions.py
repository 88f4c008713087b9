"""Condition operators: whether what is known of a request satisfies one condition of a statement."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from clary.engines.policy.document import Condition
from clary.engines.policy.pattern import Context, Pattern, Wild, glob

Test = Callable[[str, Pattern, Context], bool]


def holds(condition: Condition, context: Context) -> bool:
    """Say whether the condition is met.

    Several policy values are alternatives; a negated operator means "none of them". An absent key meets only
    negated operators, `IfExists` and `ForAllValues`.
    """
    values = context.get(condition.key, ())
    if condition.operator == "null":
        wanted = "false" if values else "true"
        return any((pattern.text(context) or "").lower() == wanted for pattern in condition.values)
    test, negated = OPERATORS[condition.operator]

    def meets(value: str) -> bool:
        return any(test(value, pattern, context) for pattern in condition.values)

    if not values and condition.if_exists:
        return True
    if condition.qualifier == "forallvalues":
        return all(meets(value) != negated for value in values)
    if condition.qualifier == "foranyvalue":
        return any(meets(value) != negated for value in values)
    return any(meets(value) for value in values) != negated


def _equals(value: str, pattern: Pattern, context: Context) -> bool:
    return pattern.matches(value, context)


def _equals_ignoring_case(value: str, pattern: Pattern, context: Context) -> bool:
    return pattern.matches(value, context, fold=True)


def _numeric(compare: Callable[[Decimal, Decimal], bool]) -> Test:
    def test(value: str, pattern: Pattern, context: Context) -> bool:
        left, right = _number(value), _number(pattern.text(context))
        return left is not None and right is not None and compare(left, right)

    return test


def _date(compare: Callable[[datetime, datetime], bool]) -> Test:
    def test(value: str, pattern: Pattern, context: Context) -> bool:
        left, right = _moment(value), _moment(pattern.text(context))
        return left is not None and right is not None and compare(left, right)

    return test


def _binary(value: str, pattern: Pattern, context: Context) -> bool:
    try:
        left = base64.b64decode(value, validate=True)
        return left == base64.b64decode(pattern.text(context) or "", validate=True)
    except (binascii.Error, ValueError):
        return False


def _ip(value: str, pattern: Pattern, context: Context) -> bool:
    try:
        network = ipaddress.ip_network(pattern.text(context) or "", strict=False)
        return ipaddress.ip_address(value) in network
    except ValueError:
        return False


def _arn(value: str, pattern: Pattern, context: Context) -> bool:
    """Compare six parts one by one, so that a `*` in the account cannot swallow the resource."""
    pieces = pattern.resolve(context)
    if pieces is None:
        return False
    wanted: list[list[str | Wild]] = [[]]
    for piece in pieces:
        if isinstance(piece, Wild):
            wanted[-1].append(piece)
            continue
        head, *tail = piece.split(":", 6 - len(wanted))
        wanted[-1].append(head)
        wanted += [[part] for part in tail]
    given = value.split(":", 5)
    if len(wanted) != 6 or len(given) != 6:
        return pieces == (Wild.ANY,)
    return all(glob(tuple(part), actual) for part, actual in zip(wanted, given, strict=True))


def _number(text: str | None) -> Decimal | None:
    try:
        number = Decimal(text or "")
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _moment(text: str | None) -> datetime | None:
    """Read ISO 8601 (a date alone is its midnight, no zone is UTC) or seconds since 1970."""
    number = _number(text)
    try:
        if number is not None:
            return datetime.fromtimestamp(float(number), UTC)
        moment = datetime.fromisoformat(text or "")
    except (ValueError, OverflowError, OSError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


OPERATORS: dict[str, tuple[Test, bool]] = {
    "stringequals": (_equals, False),
    "stringnotequals": (_equals, True),
    "stringequalsignorecase": (_equals_ignoring_case, False),
    "stringnotequalsignorecase": (_equals_ignoring_case, True),
    "stringlike": (_equals, False),
    "stringnotlike": (_equals, True),
    "numericequals": (_numeric(lambda a, b: a == b), False),
    "numericnotequals": (_numeric(lambda a, b: a == b), True),
    "numericlessthan": (_numeric(lambda a, b: a < b), False),
    "numericlessthanequals": (_numeric(lambda a, b: a <= b), False),
    "numericgreaterthan": (_numeric(lambda a, b: a > b), False),
    "numericgreaterthanequals": (_numeric(lambda a, b: a >= b), False),
    "dateequals": (_date(lambda a, b: a == b), False),
    "datenotequals": (_date(lambda a, b: a == b), True),
    "datelessthan": (_date(lambda a, b: a < b), False),
    "datelessthanequals": (_date(lambda a, b: a <= b), False),
    "dategreaterthan": (_date(lambda a, b: a > b), False),
    "dategreaterthanequals": (_date(lambda a, b: a >= b), False),
    "bool": (_equals_ignoring_case, False),
    "binaryequals": (_binary, False),
    "ipaddress": (_ip, False),
    "notipaddress": (_ip, True),
    "arnequals": (_arn, False),
    "arnlike": (_arn, False),
    "arnnotequals": (_arn, True),
    "arnnotlike": (_arn, True),
    "null": (_equals, False),
}
"""Operator in lower case: the positive test, and whether the operator means its opposite."""
