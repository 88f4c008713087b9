"""Requests made from the service model alone: the least that an operation takes.

What calls have answered is used again: an ARN or an id of theirs stands wherever a member of that name is
asked for, so that calls made in a sensible order refer to what is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from re import _constants as codes  # type: ignore[attr-defined]  # the parser of `re` has no public name
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

ACCOUNT = "000000000000"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
THEN = datetime(2026, 11, 1, tzinfo=UTC)
DEEPEST = 12


class Requests:
    """Makes requests whose names begin with `prefix`."""

    def __init__(self, prefix: str, known: dict[str, Any] | None = None) -> None:
        self.prefix = prefix
        self.known: dict[str, Any] = dict(known or {})

    def minimal(self, operation: OperationModel) -> dict[str, Any]:
        """Return the required members of an operation's input, and no others."""
        shape = operation.input_shape
        return self._structure(shape, 0) if isinstance(shape, StructureShape) else {}

    def learn(self, answer: dict[str, Any]) -> None:
        """Remember the ARNs and ids that an answer has at its top."""
        for name, value in answer.items():
            if isinstance(value, str) and name.endswith(("Arn", "Id", "ARN")):
                self.known[name] = value

    def value(self, name: str, shape: Shape, depth: int = 0) -> Any:
        """Return a value for a member: one that is known, or the least that its shape allows."""
        if name in self.known and shape.type_name == "string":
            return self.known[name]
        if isinstance(shape, StructureShape):
            return self._structure(shape, depth + 1)
        if isinstance(shape, ListShape):
            count = max(int(shape.metadata.get("min", 0)), 1)
            return [self.value(name.removesuffix("s"), shape.member, depth + 1) for _ in range(count)]
        if isinstance(shape, MapShape):
            if not shape.metadata.get("min"):
                return {}
            return {self.value("Key", shape.key, depth + 1): self.value("Value", shape.value, depth + 1)}
        if shape.type_name == "string":
            return self._string(name, shape)
        return _SIMPLE.get(shape.type_name, lambda _: None)(shape)

    def _structure(self, shape: StructureShape, depth: int) -> dict[str, Any]:
        if depth > DEEPEST:
            return {}
        names: Sequence[str] = shape.required_members
        if shape.is_tagged_union and not names:
            names = list(shape.members)[:1]
        return {name: self.value(name, shape.members[name], depth) for name in names}

    def _string(self, name: str, shape: Shape) -> str:
        if allowed := shape.metadata.get("enum"):
            return str(allowed[0])
        least, most = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 1 << 20))
        pattern = str(shape.metadata.get("pattern", ""))
        for text in self._candidates(name, pattern):
            if least <= len(text) <= most and fits(pattern, text):
                return text
        return example(pattern, least)

    def _candidates(self, name: str, pattern: str) -> list[str]:
        plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
        named = f"{self.prefix}-{plain}".removesuffix("s")
        if "Role" in name:
            return [ROLE, named]
        if "Image" in name and "Name" not in name:
            return [IMAGE, named]
        if "s3" in pattern or name.endswith(("Uri", "Path", "Url")):
            return [f"s3://{BUCKET}/{self.prefix}/", f"https://{self.prefix}.example.com/", named]
        if name.endswith(("Arn", "ARN")):
            kind = plain.removesuffix("-arn")
            return [f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:{kind}/{named}", named]
        return [named, named.replace("-", ""), named.replace("-", "_"), "1", "1.0.0"]


def fits(pattern: str, text: str) -> bool:
    """Tell whether a text matches a pattern of the model, as a whole."""
    try:
        return not pattern or re.fullmatch(_python(pattern), text) is not None
    except re.error:
        return True  # Java's syntax, which Python does not have


def example(pattern: str, least: int = 0) -> str:
    """Return a text that matches a pattern, at least so long if the pattern lets it grow."""
    if not pattern:
        return "x" * max(least, 1)
    try:
        parsed = parser.parse(_python(pattern))
    except re.error:
        return "x" * max(least, 1)
    for more in range(least + 2):
        text = _generate(parsed, more)
        if len(text) >= least and fits(pattern, text):
            return text
    return _generate(parsed, least)


def _python(pattern: str) -> str:
    for java, python in (
        (r"\p{L}", "a-zA-Z"),
        (r"\p{Z}", " "),
        (r"\p{N}", "0-9"),
        (r"\p{Alnum}", "a-zA-Z0-9"),
    ):
        pattern = pattern.replace(f"[{java}]", f"[{python}]").replace(java, python)
    return pattern


def _generate(parsed: Any, more: int) -> str:
    """Walk a parsed pattern, repeating what may be repeated `more` often than it must."""
    return "".join(_one(code, argument, more) for code, argument in parsed)


def _one(code: Any, argument: Any, more: int) -> str:
    if code is codes.LITERAL:
        return chr(argument)
    if code is codes.NOT_LITERAL:
        return "x" if argument != ord("x") else "y"
    if code is codes.ANY:
        return "x"
    if code is codes.IN:
        return _of_set(argument)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, getattr(codes, "POSSESSIVE_REPEAT", None)):
        low, high, item = argument
        return _generate(item, more) * min(int(high), int(low) + more)
    if code is codes.SUBPATTERN:
        return _generate(argument[-1], more)
    if code is codes.BRANCH:
        return min((_generate(each, more) for each in argument[1]), key=len)
    return ""


def _of_set(items: Any) -> str:
    if items[0][0] is codes.NEGATE:
        refused = {argument for code, argument in items if code is codes.LITERAL}
        return next(letter for letter in "xyzabc019-_ " if ord(letter) not in refused)
    for code, argument in items:
        if code is codes.LITERAL and chr(argument).isalnum():
            return chr(argument)
        if code is codes.RANGE:
            return chr(argument[0])
        if code is codes.CATEGORY:
            return _CATEGORIES.get(argument, "x")
    return chr(next(argument for code, argument in items if code is codes.LITERAL))


_CATEGORIES = {codes.CATEGORY_DIGIT: "1", codes.CATEGORY_SPACE: " ", codes.CATEGORY_NOT_DIGIT: "x"}
_SIMPLE: dict[str, Any] = {
    "integer": lambda shape: max(int(shape.metadata.get("min", 1)), 0),
    "long": lambda shape: max(int(shape.metadata.get("min", 1)), 0),
    "float": lambda shape: float(shape.metadata.get("min", 1.0)),
    "double": lambda shape: float(shape.metadata.get("min", 1.0)),
    "boolean": lambda _: False,
    "timestamp": lambda _: THEN,
    "blob": lambda shape: b"x" * max(int(shape.metadata.get("min", 1)), 1),
}
