"""Condition operators: whether what is known of a request satisfies one condition of a statement.

A condition is made into a function once, when a decision first needs it: decisions are many, policies few.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from clary.engines.policy.pattern import Context, Pattern, Wild, tester

if TYPE_CHECKING:
    from clary.engines.policy.document import Condition

Check = Callable[[Context, bool], bool]
"""Says whether a condition is met by a context; True for the statement of a Deny."""
Meets = Callable[[str, Context], bool]
Family = Callable[[tuple[Pattern, ...]], Meets]
"""Makes of a condition's values the question whether one value of the request meets any of them."""


def holds(condition: Condition, context: Context, *, deny: bool = False) -> bool:
    """Say whether the condition is met.

    Several policy values are alternatives; a negated operator means "none of them". An absent key meets only
    negated operators, `IfExists` and `ForAllValues`. Several values of the request, where the policy says
    neither ForAllValues nor ForAnyValue, must all meet an Allow; one is enough for a Deny.
    """
    return condition.check(context, deny)


def compiled(condition: Condition) -> Check:
    """Return the function that decides a condition."""
    key, qualifier, if_exists = condition.key, condition.qualifier, condition.if_exists
    if condition.operator == "null":
        return _null(condition)
    family, negated = OPERATORS[condition.operator]
    meets = family(condition.values)

    def check(context: Context, deny: bool) -> bool:
        values = context.get(key, ())
        if len(values) == 1:
            return meets(values[0], context) != negated
        if not values:
            return if_exists or (qualifier == "forallvalues") or (negated and qualifier == "")
        found = [meets(value, context) != negated for value in values]
        if qualifier:
            return all(found) if qualifier == "forallvalues" else any(found)
        return any(found) if deny else all(found)

    return check


def _null(condition: Condition) -> Check:
    def check(context: Context, deny: bool) -> bool:
        wanted = "false" if context.get(condition.key) else "true"
        return any((pattern.text(context) or "").lower() == wanted for pattern in condition.values)

    return check


def _text(values: tuple[Pattern, ...]) -> Meets:
    tests = [pattern.test for pattern in values]
    fixed = [test for test in tests if test is not None]
    if len(fixed) == 1 and len(tests) == 1:
        only = fixed[0]
        return lambda value, context: only(value)
    if len(fixed) == 2 and len(tests) == 2:
        one, other = fixed
        return lambda value, context: one(value) or other(value)
    if len(fixed) == len(tests):
        return lambda value, context: any(test(value) for test in fixed)
    return lambda value, context: any(pattern.matches(value, context) for pattern in values)


def _text_ignoring_case(values: tuple[Pattern, ...]) -> Meets:
    if all(pattern.test is not None and Wild.ANY not in pattern.pieces for pattern in values):
        wanted = frozenset((pattern.text({}) or "").casefold() for pattern in values)
        return lambda value, context: value.casefold() in wanted
    return lambda value, context: any(pattern.matches(value, context, fold=True) for pattern in values)


def _scalars(read: Callable[[str | None], Any], compare: Callable[[Any, Any], bool]) -> Family:
    """Make a family of operators that compare what values mean; what means nothing meets nothing."""

    def family(values: tuple[Pattern, ...]) -> Meets:
        if all(pattern.test is not None for pattern in values):
            known = [right for pattern in values if (right := read(pattern.text({}))) is not None]

            if len(known) == 1:
                only = known[0]
                return lambda value, context: (left := read(value)) is not None and compare(left, only)
            return lambda value, context: (
                (left := read(value)) is not None and any(compare(left, right) for right in known)
            )

        def meets(value: str, context: Context) -> bool:
            left = read(value)
            rights = (read(pattern.text(context)) for pattern in values)
            return left is not None and any(right is not None and compare(left, right) for right in rights)

        return meets

    return family


def _arn(values: tuple[Pattern, ...]) -> Meets:
    if any(pattern.test is None for pattern in values):
        return lambda value, context: any(_arn_test(p.resolve(context))(value.split(":", 5)) for p in values)
    tests = [_arn_test(pattern.resolve({})) for pattern in values]

    def meets(value: str, context: Context) -> bool:
        given = value.split(":", 5)
        return any(test(given) for test in tests)

    return meets


def _arn_test(pieces: tuple[str | Wild, ...] | None) -> Callable[[list[str]], bool]:
    """Compare six parts one by one, so that a `*` in the account cannot swallow the resource."""
    if pieces is None:
        return lambda given: False
    wanted: list[list[str | Wild]] = [[]]
    for piece in pieces:
        if isinstance(piece, Wild):
            wanted[-1].append(piece)
            continue
        head, *tail = piece.split(":", 6 - len(wanted))
        wanted[-1].append(head)
        wanted += [[part] for part in tail]
    if len(wanted) != 6:
        return lambda given: pieces == (Wild.ANY,)
    tests = [tester(tuple(part for part in parts if part != "")) for parts in wanted]

    tests.reverse()  # ARNs differ at their ends

    def test(given: list[str]) -> bool:
        return len(given) == 6 and all(test(part) for test, part in zip(tests, reversed(given), strict=True))

    return test


def _inside(given: tuple[int, int, int], wanted: tuple[int, int, int]) -> bool:
    version, first, last = given
    return version == wanted[0] and wanted[1] <= first == last <= wanted[2]


@lru_cache(maxsize=1024)
def _network(text: str | None) -> tuple[int, int, int] | None:
    """Read a range of addresses as version, first and last; an address is a range of one."""
    try:
        network = ipaddress.ip_network(text or "", strict=False)
    except ValueError:
        return None
    return network.version, int(network.network_address), int(network.broadcast_address)


@lru_cache(maxsize=1024)
def _bytes(text: str | None) -> bytes | None:
    try:
        return base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError):
        return None


@lru_cache(maxsize=1024)
def _number(text: str | None) -> Decimal | None:
    try:
        number = Decimal(text or "")
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@lru_cache(maxsize=1024)
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


OPERATORS: dict[str, tuple[Family, bool]] = {
    "stringequals": (_text, False),
    "stringnotequals": (_text, True),
    "stringequalsignorecase": (_text_ignoring_case, False),
    "stringnotequalsignorecase": (_text_ignoring_case, True),
    "stringlike": (_text, False),
    "stringnotlike": (_text, True),
    "numericequals": (_scalars(_number, operator.eq), False),
    "numericnotequals": (_scalars(_number, operator.eq), True),
    "numericlessthan": (_scalars(_number, operator.lt), False),
    "numericlessthanequals": (_scalars(_number, operator.le), False),
    "numericgreaterthan": (_scalars(_number, operator.gt), False),
    "numericgreaterthanequals": (_scalars(_number, operator.ge), False),
    "dateequals": (_scalars(_moment, operator.eq), False),
    "datenotequals": (_scalars(_moment, operator.eq), True),
    "datelessthan": (_scalars(_moment, operator.lt), False),
    "datelessthanequals": (_scalars(_moment, operator.le), False),
    "dategreaterthan": (_scalars(_moment, operator.gt), False),
    "dategreaterthanequals": (_scalars(_moment, operator.ge), False),
    "bool": (_text_ignoring_case, False),
    "binaryequals": (_scalars(_bytes, operator.eq), False),
    "ipaddress": (_scalars(_network, _inside), False),
    "notipaddress": (_scalars(_network, _inside), True),
    "arnequals": (_arn, False),
    "arnlike": (_arn, False),
    "arnnotequals": (_arn, True),
    "arnnotlike": (_arn, True),
}
"""Operator in lower case: its family, and whether it means the opposite. `null` is apart."""
