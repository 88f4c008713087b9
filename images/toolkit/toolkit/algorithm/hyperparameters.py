"""Declared hyperparameters, checked before any data is read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from toolkit.contract import Json
from toolkit.failure import UserError

Value = bool | int | float | str | None

# Every algorithm of this family takes these besides its own; SDK 2.x sends force_dense for K-Means.
COMMON = """
_tuning_objective_metric  text     -  -
force_dense               text     -  -
_num_gpus                 text     -  -
_num_kv_servers           text     -  -
_kvstore                  text     -  -
_log_level                text     -  -
_disable_wait_to_read     text     -  -
_enable_profiler          text     -  -
_ftp_port                 text     -  -
"""
NOUNS = {"integer": "an integer", "number": "a number", "boolean": "true or false", "list": "a list"}


class Parameter(NamedTuple):
    """One hyperparameter. `default` None means that it may be absent; `auto` that it may say so."""

    kind: str
    domain: str
    required: bool
    default: str | None
    auto: bool


class Settings:
    """Checked hyperparameters; one that is absent or `auto` is what the caller says."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = values

    def integer(self, name: str, otherwise: int = 0) -> int:
        """Return a whole number."""
        value = self.values.get(name)
        return otherwise if value is None else int(value)

    def number(self, name: str, otherwise: float = 0.0) -> float:
        """Return a number."""
        value = self.values.get(name)
        return otherwise if value is None else float(value)

    def text(self, name: str, otherwise: str = "") -> str:
        """Return a word."""
        value = self.values.get(name)
        return otherwise if value is None else str(value)

    def flag(self, name: str, *, otherwise: bool = False) -> bool:
        """Return a truth value."""
        value = self.values.get(name)
        return otherwise if value is None else bool(value)

    def given(self, name: str) -> bool:
        """Tell whether the job chose a value itself."""
        return self.values.get(name) is not None


def declare(table: str) -> dict[str, Parameter]:
    """Read a table of name, kind, domain and default, two spaces between; `required` and `auto` are
    defaults."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in (COMMON + table).splitlines() if line.strip()]
    return {
        name: Parameter(
            kind,
            "" if domain == "-" else domain,
            default == "required",
            None if default in ("-", "auto", "required") else default,
            default == "auto",
        )
        for name, kind, domain, default in rows
    }


def check(given: Mapping[str, Json], declared: Mapping[str, Parameter]) -> Settings:
    """Check every hyperparameter, or say which is wrong and what would be right."""
    missing = [name for name, one in declared.items() if one.required and name not in given]
    if missing:
        raise UserError(
            f"{missing[0]!r} is a required property: the hyperparameter {missing[0]} must be "
            f"{_expected(declared[missing[0]])}."
        )
    if strange := sorted(given.keys() - declared.keys()):
        known = ", ".join(sorted(name for name in declared if not name.startswith("_")))
        raise UserError(
            f"Additional hyperparameters are not allowed ({', '.join(map(repr, strange))} unexpected). "
            f"Known: {known}."
        )
    values = {name: one.default for name, one in declared.items() if one.default is not None} | dict(given)
    return Settings({name: _parse(name, declared[name], value) for name, value in values.items()})


def within(interval: str, number: float) -> bool:
    """Tell whether a number lies in an interval written like `(0, 1]`."""
    low, high = (float(edge) for edge in interval[1:-1].split(","))
    above = number >= low if interval[0] == "[" else number > low
    return above and (number <= high if interval[-1] == "]" else number < high)


def _parse(name: str, one: Parameter, value: Json) -> Value:
    written = str(value).strip()
    if one.kind == "list":
        return _words(name, one, value)
    if isinstance(value, bool) or one.kind == "boolean":
        written = written.lower()
    if one.auto and written.lower() == "auto":
        return None
    try:
        parsed = _converted(one.kind, written)
    except (KeyError, ValueError):
        raise _invalid(name, written, one) from None
    outside = isinstance(parsed, float) and math.isnan(parsed)
    if one.domain and one.kind in ("integer", "number"):
        outside = outside or not within(one.domain, float(written))
    if outside or (one.kind == "choice" and written not in one.domain.split()):
        raise _invalid(name, written, one)
    return parsed


def _converted(kind: str, written: str) -> Value:
    if kind == "boolean":
        return {"true": True, "1": True, "false": False, "0": False}[written]
    if kind == "integer":
        return _whole(written)
    return float(written) if kind == "number" else written


def _whole(written: str) -> int:
    number = float(written)
    if number != int(number):
        raise ValueError(written)
    return int(number)


def _words(name: str, one: Parameter, value: Json) -> str:
    plain = [str(word) for word in value] if isinstance(value, list) else str(value).strip("[]() ").split(",")
    words = [word.strip().strip("\"'") for word in plain if word.strip()]
    for word in words:
        if one.domain and word not in one.domain.split():
            raise _invalid(name, word, one)
    return ",".join(words)


def _invalid(name: str, value: str, one: Parameter) -> UserError:
    return UserError(
        f"The value {value!r} is not valid for the {name!r} hyperparameter which expects {_expected(one)}."
    )


def _expected(one: Parameter) -> str:
    if one.kind in ("choice", "list") and one.domain:
        expected = f"one of {', '.join(one.domain.split())}"
    else:
        expected = NOUNS.get(one.kind, "a text")
        expected += f" in {one.domain.replace('inf', '∞')}" if one.domain else ""
    return f"{expected} or 'auto'" if one.auto else expected
