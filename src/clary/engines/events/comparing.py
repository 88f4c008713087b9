"""The comparisons of event patterns: each is read into a test of one value."""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping

from clary.core.document import Document
from clary.engines.policy.pattern import Wild, glob

Test = Callable[[object], bool]
Exact = tuple[bool, object]
_MOST = 5_000_000_000  # Numbers compared lie between this and its negative.
_HOW: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


class PatternFault(ValueError):
    """A pattern cannot be read; its text says where and why."""


def test_of(value: object, where: str) -> Test:
    """Return the test that one entry of a field's array stands for."""
    if not isinstance(value, dict):
        return _among([value], where)
    if len(value) != 1:
        raise PatternFault(f"a comparison of {where} must have one member, not {len(value)}")
    [(how, wanted)] = value.items()
    if how not in _COMPARISONS:
        known = ", ".join([*sorted(_COMPARISONS), "exists"])
        raise PatternFault(f"unrecognized match type {how} of {where}; there are {known}")
    return _COMPARISONS[how](wanted, where)


def exactly(value: object, where: str) -> Exact:
    """Return what stands for a value in a set of those that a field may have; 1 is 1.0, but not true."""
    if isinstance(value, list):
        raise PatternFault(f"{where} has an array within its array")
    return of(value)


def of(found: object) -> Exact:
    """Return what stands for a value of an event."""
    return isinstance(found, bool), found


def _among(values: list[object], where: str) -> Test:
    wanted = frozenset(exactly(value, where) for value in values)
    return lambda found: of(found) in wanted


def _prefix(wanted: object, where: str) -> Test:
    text, fold = _text_or_folded(wanted, "prefix", where)
    return lambda found: isinstance(found, str) and fold(found).startswith(fold(text))


def _suffix(wanted: object, where: str) -> Test:
    text, fold = _text_or_folded(wanted, "suffix", where)
    return lambda found: isinstance(found, str) and fold(found).endswith(fold(text))


def _ignoring_case(wanted: object, where: str) -> Test:
    text = _text(wanted, "equals-ignore-case", where).lower()
    return lambda found: isinstance(found, str) and found.lower() == text


def _wildcard(wanted: object, where: str) -> Test:
    shape = _shape(_text(wanted, "wildcard", where), where)
    return lambda found: isinstance(found, str) and glob(shape, found)


def _numeric(wanted: object, where: str) -> Test:
    if not isinstance(wanted, list) or len(wanted) not in (2, 4):
        raise PatternFault(f'"numeric" of {where} must be [how, number] or [how, number, how, number]')
    pairs = list(zip(wanted[::2], wanted[1::2], strict=True))
    for how, number in pairs:
        if how not in _HOW:
            raise PatternFault(f'"numeric" of {where} compares by one of {" ".join(_HOW)}, not by {how!r}')
        if not _is_number(number) or not -_MOST <= number <= _MOST:
            raise PatternFault(f'"numeric" of {where} needs a number from -5.0e9 to 5.0e9, not {number!r}')
    if len(pairs) == 2 and (pairs[0][0][0] != ">" or pairs[1][0][0] != "<"):
        raise PatternFault(f'"numeric" of {where}: a range is > or >=, then < or <=')
    if len(pairs) == 2 and pairs[0][1] >= pairs[1][1]:
        raise PatternFault(f'"numeric" of {where}: the bottom must be less than the top')
    tests = [(_HOW[how], number) for how, number in pairs]
    return lambda found: (
        isinstance(found, int | float)
        and not isinstance(found, bool)
        and all(test(found, number) for test, number in tests)
    )


def _cidr(wanted: object, where: str) -> Test:
    text = _text(wanted, "cidr", where)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise PatternFault(f'"cidr" of {where} must be like 10.0.0.0/24, not {text!r}') from error

    def test(found: object) -> bool:
        try:
            return isinstance(found, str) and ipaddress.ip_address(found) in network
        except ValueError:
            return False

    return test


def _anything_but(wanted: object, where: str) -> Test:
    named = "anything-but"
    if isinstance(wanted, dict):
        if len(wanted) != 1 or (how := next(iter(wanted))) not in _BUT:
            raise PatternFault(f'"{named}" of {where} may have one of {", ".join(sorted(_BUT))}')
        values = wanted[how] if isinstance(wanted[how], list) else [wanted[how]]
        if not values:
            raise PatternFault(f'"{named}" of {where} has an empty array')
        tests = [_BUT[how](value, where) for value in values]
    else:
        values = wanted if isinstance(wanted, list) else [wanted]
        kinds = {str if isinstance(each, str) else float for each in values}
        if not values or len(kinds) > 1 or not all(isinstance(v, str) or _is_number(v) for v in values):
            raise PatternFault(
                f'"{named}" of {where} must be a text, a number, or an array of one kind of them'
            )
        tests = [_among(values, where)]
    return lambda found: not any(test(found) for test in tests)


_BUT: Mapping[str, Callable[[object, str], Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignoring_case,
    "wildcard": _wildcard,
}
_COMPARISONS: Mapping[str, Callable[[object, str], Test]] = {
    **_BUT,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "cidr": _cidr,
}


def _text(wanted: object, how: str, where: str) -> str:
    if not isinstance(wanted, str):
        raise PatternFault(f'"{how}" of {where} must be a text')
    return wanted


def _text_or_folded(wanted: object, how: str, where: str) -> tuple[str, Callable[[str], str]]:
    if isinstance(wanted, dict):
        inner: Document = wanted
        if list(inner) != ["equals-ignore-case"]:
            raise PatternFault(f'"{how}" of {where} must be a text, or an object of equals-ignore-case')
        return _text(inner["equals-ignore-case"], how, where), str.lower
    return _text(wanted, how, where), str


def _shape(text: str, where: str) -> tuple[str | Wild, ...]:
    r"""Return what a wildcard stands for: `*` for any letters, `\*` and `\\` for themselves."""
    pieces: list[str | Wild] = []
    rest, last = iter(text), ""
    for letter in rest:
        if letter == "\\":
            escaped = next(rest, "")
            if escaped not in ("*", "\\"):
                raise PatternFault(rf'"wildcard" of {where}: only \* and \\ may be escaped')
            pieces.append(escaped)
        elif letter == "*" == last:
            raise PatternFault(f'"wildcard" of {where} has two stars side by side')
        else:
            pieces.append(Wild.ANY if letter == "*" else letter)
        last = "" if letter == "\\" else letter
    return tuple(pieces)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
