"""What the signer of an upload form allows: its policy, held against the fields that came."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clary.core.errors import ApiError
from clary.wire import timestamps

_NOT_COVERED = frozenset({"x-amz-signature", "signature", "awsaccesskeyid", "policy", "file", "bucket"})
"""Fields that the conditions need not name."""
_LISTS = frozenset({"content-type"})
_SIZE = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True)
class Sizes:
    """How many bytes the file may have."""

    least: int = 0
    most: int = 5 << 30


def check(encoded: str, fields: Mapping[str, str], now: datetime) -> Sizes:
    """Refuse fields that the policy does not allow, all of them; return the sizes it allows."""
    policy = _decoded(encoded)
    try:
        expires = timestamps.from_text(str(policy["expiration"]))
        conditions = list(policy["conditions"])
    except (KeyError, TypeError, ValueError) as error:
        raise _invalid(f"a policy needs an expiration and conditions ({error})") from error
    if expires <= now:
        raise _denied("Policy expired.")
    named, sizes = set[str](), Sizes()
    for condition in conditions:
        test, field, value = _read(condition)
        if test == "content-length-range":
            sizes = Sizes(int(field), int(value))
            continue
        named.add(field)
        if not _holds(test, field, fields.get(field, ""), value):
            raise _denied(f"Policy Condition failed: {json.dumps([test, f'${field}', value])}")
    extra = [
        name
        for name in fields
        if name not in named and name not in _NOT_COVERED and not name.startswith("x-ignore-")
    ]
    if extra:
        raise _denied(f"Extra input fields: {', '.join(sorted(extra))}")
    return sizes


def _decoded(encoded: str) -> dict[str, Any]:
    try:
        policy = json.loads(base64.b64decode("".join(encoded.split()), validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _invalid("it is not JSON in base64") from error
    if not isinstance(policy, dict):
        raise _invalid("it is not a JSON object")
    return policy


def _read(condition: object) -> tuple[str, str, str]:
    """Return a condition's test, field and value; for the size, its test and two numbers."""
    if isinstance(condition, dict) and len(condition) == 1:
        ((field, value),) = condition.items()
        return "eq", str(field).lower(), str(value)
    if isinstance(condition, list) and len(condition) == 3:
        test, field, value = str(condition[0]).lower(), str(condition[1]), str(condition[2])
        if test == "content-length-range" and _SIZE.fullmatch(field) and _SIZE.fullmatch(value):
            return test, field, value
        if test in ("eq", "starts-with") and field.startswith("$"):
            return test, field[1:].lower(), value
    raise _invalid(f"Invalid condition: {json.dumps(condition)[:200]}")


def _holds(test: str, field: str, given: str, wanted: str) -> bool:
    if test == "eq":
        return given == wanted
    values = given.split(",") if field in _LISTS else [given]
    return all(value.strip().startswith(wanted) for value in values)


def _invalid(why: str) -> ApiError:
    return ApiError(f"Invalid Policy: {why}.", code="InvalidPolicyDocument", status=400)


def _denied(why: str) -> ApiError:
    return ApiError(f"Invalid according to Policy: {why}", code="AccessDenied", status=403)
