"""Requests that fit a service model: required members, patterns, enums, lengths and minimums.

What the model cannot say (which image exists, which role may be passed) is given by name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st

from clary.wire.patterns import compile_pattern

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_FILLING = "generated-by-a-test-"


@dataclass(frozen=True, kw_only=True)
class Author:
    """Writes requests of one caller.

    It writes the same each time. `known` gives values by member name, wherever the member stands. `arns` are
    resources that exist: the first that fits a member that wants an ARN is taken, those of the kind that the
    member names before others.
    """

    account: str = ACCOUNT
    region: str = "us-east-1"
    name: str = "generated"
    known: Mapping[str, object] = field(default_factory=dict)
    arns: Sequence[str] = ()

    def request(
        self, operation: OperationModel, *, also: Collection[str] = (), by_arn: bool = False
    ) -> dict[str, Any]:
        """Return the smallest request of an operation, with the optional members named in `also`.

        With `by_arn`, what may be called by its name or its ARN is called by its ARN.
        """
        shape = operation.input_shape
        return self._structure(shape, also, by_arn) if isinstance(shape, StructureShape) else {}

    def _structure(self, shape: StructureShape, also: Collection[str], by_arn: bool) -> dict[str, Any]:
        wanted = list(shape.required_members) + [name for name in also if name not in shape.required_members]
        if shape.is_tagged_union and not wanted:
            wanted = list(shape.members)[:1]
        return {
            name: self._value(name, shape.members[name], by_arn) for name in wanted if name in shape.members
        }

    def _value(self, member: str, shape: Shape, by_arn: bool) -> Any:
        if member in self.known:
            return self.known[member]
        limits = shape.metadata
        if isinstance(shape, StructureShape):
            return self._structure(shape, (), by_arn)
        if isinstance(shape, ListShape):
            return self._items(member, shape, max(limits.get("min", 0), 1), by_arn)
        if isinstance(shape, MapShape):
            return {self._text("Key", shape.key, by_arn): self._value(member, shape.value, by_arn)}
        if shape.type_name in ("string", "character"):
            return self._text(member, shape, by_arn)
        if shape.type_name in ("integer", "long", "float", "double"):
            number = limits.get("min", min(1, limits.get("max", 1)))
            return float(number) if shape.type_name in ("float", "double") else int(number)
        return {"boolean": False, "timestamp": MOMENT, "blob": b"x"}[shape.type_name]

    def _items(self, member: str, shape: ListShape, count: int, by_arn: bool) -> list[Any]:
        first = self._value(member, shape.member, by_arn)
        enum = shape.member.metadata.get("enum", [])
        if count > 1 and len(enum) >= count:
            return list(enum[:count])
        if count > 1 and isinstance(first, str):
            return [first, *(f"{first}{number}" for number in range(2, count + 1))]
        return [first, *(self._value(member, shape.member, by_arn) for _ in range(count - 1))]

    def _text(self, member: str, shape: Shape, by_arn: bool) -> str:
        limits = shape.metadata
        offered = self._offers(member, limits.get("pattern", ""), by_arn)
        if enum := limits.get("enum"):
            return next((text for text in offered if text in enum), str(enum[0]))
        pattern, least, most = limits.get("pattern", ""), limits.get("min", 0), limits.get("max", 1 << 20)
        for text in offered:
            if fits(text, pattern, least, most):
                return text
        return made(pattern, least, most)

    def _offers(self, member: str, pattern: str, by_arn: bool) -> Iterator[str]:
        """Yield what the member may mean, the likeliest first."""
        if member.endswith("RoleArn") or member == "Role" or ":iam:" in pattern:
            yield f"arn:aws:iam::{self.account}:role/SageMakerExecutionRole"
        if "Arn" in member or pattern.startswith("arn:") or re.search(r"Uri$|Url$|Path$", member) or by_arn:
            wanted = kebab(re.sub(r"(Name|Arns?|ArnList|Id|Identifier)$", "", member))
            yield from (arn for arn in self.arns if f":{wanted}/" in arn)
            yield from self.arns if "Arn" in member else ()
            yield f"arn:aws:sagemaker:{self.region}:{self.account}:{wanted}/{self.name}"
            for tail in tails(pattern, self.name):
                for owner in (self.account, "aws"):
                    yield f"arn:aws:sagemaker:{self.region}:{owner}:{tail}"
        yield from _MEANT.get(member, ())
        if re.search(r"Uri$|Url$|Path$|Location$", member):
            yield f"s3://sagemaker-{self.region}-{self.account}/{self.name}"
            yield f"https://{self.name}.example.com/{self.name}"
        yield from (self.name, self.name.lower())
        yield from ("ml.m5.large", "1.0.0", "1", "a@example.com", "https://example.com/generated")
        yield from _PLAIN


def tails(pattern: str, name: str) -> Iterator[str]:
    """Yield the resource parts of ARNs that a pattern may want; of alternatives the first."""
    parts = re.findall(r"([A-Za-z][A-Za-z-]+)\\?/", re.sub(r"\((\w[\w-]*)\|[^()]*\)", r"\1", pattern))
    for text in (name, "a" * 12, f"app-{'A' * 12}", f"sagemaker-{name}/1/1"):
        yield "/".join(f"{part}/{text}" for part in parts)


def fits(text: str, pattern: str, least: int, most: int) -> bool:
    """Say whether a text has the length and the pattern a model asks for."""
    compiled = compile_pattern(pattern) if pattern else None
    return least <= len(text) <= most and (compiled is None or compiled.fullmatch(text) is not None)


@functools.cache
def made(pattern: str, least: int, most: int) -> str:
    """Return a text of a length and a pattern."""
    if not pattern:
        return (_FILLING * (least // len(_FILLING) + 1))[: max(least, min(most, 1))]
    compiled = compile_pattern(pattern)
    strategy = st.text() if compiled is None else st.from_regex(compiled, fullmatch=True)
    return find(
        strategy,
        lambda text: least <= len(text) <= most,
        settings=settings(database=None, suppress_health_check=list(HealthCheck), max_examples=5000),
        random=Random(0),  # noqa: S311 - the same text each time, not a secret
    )


def kebab(kind: str) -> str:
    """Return a kind as ARNs spell it: `model-package` for `ModelPackage`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind).lower()


_PLAIN = (
    *("0" * count for count in (6, 10, 12)),
    *("a" * count for count in (12, 16, 20, 24)),
    *(f"{prefix}-{'0' * 8}" for prefix in ("i", "vol", "eni")),
    "00000000-0000-0000-0000-000000000000",
    "arn:aws:kms:us-east-1:000000000000:key/generated",
    "arn:aws:sso:::instance/ssoins-0000000000000000",
    "d-generated000",
    "o-0000000000/r-0000",
    *("v1", "a_1", "1.0", "Python 3.11", "default", "Mon:00:00", "10.0.0.0/8", "notebook-al2-v3"),
)
_MEANT: Mapping[str, tuple[str, ...]] = {
    "Image": (IMAGE,),
    "ImageUri": (IMAGE,),
    "TrainingImage": (IMAGE,),
    "InstanceType": ("ml.m5.large",),
    "AWSServiceName": ("sagemaker.amazonaws.com",),
    "PolicyDocument": (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}',
    ),
}
