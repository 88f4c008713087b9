"""What a step's result follows from: a key in named parts. evidence/pipeline-caching.md"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from clary.core.document import Document
from clary.engines.pipelines.declared import StepDefinition
from clary.engines.pipelines.kinds import KINDS

CACHEABLE: frozenset[str] = frozenset(name for name, kind in KINDS.items() if kind.caches)
"""Kinds of steps that take a cached result."""

_CHECK = ("AppSpecification", "Environment", "ProcessingInputs")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Tuning": ("HyperParameterTuningJobConfig", "TrainingJobDefinition", "TrainingJobDefinitions"),
    "AutoML": ("AutoMLJobConfig", "AutoMLJobObjective", "InputDataConfig", "ProblemType"),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
    "QualityCheck": _CHECK,
    "ClarifyCheck": _CHECK,
}
"""The arguments that count, where AWS counts not all of them."""
_WITHIN: Mapping[str, tuple[str, ...]] = {
    "TrainingJobDefinition": (
        "AlgorithmSpecification",
        "HyperParameterRanges",
        "InputDataConfig",
        "StaticHyperParameters",
        "TuningObjective",
    ),
    "AutoMLJobConfig": ("CompletionCriteria", "CandidateGenerationConfig", "DataSplitConfig", "Mode"),
}
_BY_CONTENT = re.compile(r"/code/[0-9a-f]{64}/")  # the SDK keeps code under the digest of what it packed
_LENGTHS = {"Y": 365.0, "M": 30.0, "W": 7.0, "D": 1.0}  # days
_HOURS = {"H": 1.0, "M": 1 / 60, "S": 1 / 3600}  # hours, after the T
_DURATION = re.compile(r"P?((?:\d+[YMWD])*)(?:T((?:\d+[HMS])+))?", re.A)
_NUMBERED = re.compile(r"(\d+)([A-Z])", re.A)


def parts(step: StepDefinition, arguments: Document, digests: Mapping[str, str]) -> dict[str, str]:
    """Return the key of a step with resolved arguments and the digests of the S3 URIs that it reads.

    The step's `more` is taken as it is: give it resolved (`dataclasses.replace`).
    """
    found = {"Type": step.type}
    for name, value in _counted(step, arguments).items():
        for part, each in _split(name, value):
            found[part] = _digest(each)
    for part, uri in _inputs(step, arguments):
        if uri in digests:
            found[part] = digests[uri]
    return found


def reads(step: StepDefinition, arguments: Document) -> tuple[str, ...]:
    """Return the S3 URIs that a step with resolved arguments reads: those `parts` wants the digests of."""
    return tuple(dict.fromkeys(uri for _, uri in _inputs(step, arguments)))


def missed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of the parts that are not the same, in order."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def oldest(expire_after: str | None, now: datetime) -> datetime | None:
    """Return the earliest end of a result that may still be taken; None where any may."""
    length = duration(expire_after)
    if length is None:
        return None
    try:
        return now - length
    except OverflowError:
        return None


def duration(text: str | None) -> timedelta | None:
    """Read an ISO 8601 duration, or what AWS takes for one; a year has 365 days, a month 30."""
    if text is None:
        return None
    found = _DURATION.fullmatch(text.upper())
    if found is None or not (found[1] or found[2]):
        raise ValueError(f"it is {text!r}; it must be an ISO 8601 duration, like P30D or PT12H.")
    try:
        days = sum(int(number) * _LENGTHS[unit] for number, unit in _NUMBERED.findall(found[1]))
        hours = sum(int(number) * _HOURS[unit] for number, unit in _NUMBERED.findall(found[2] or ""))
        return timedelta(days=days, hours=hours)
    except OverflowError as error:
        most = timedelta.max.days
        raise ValueError(f"it is {text[:40]!r}; it may be {most} days at most.") from error


def _counted(step: StepDefinition, arguments: Document) -> Document:
    names = _KEYS.get(step.type)
    if names is None:
        left = ("Tags", *KINDS[step.type].fills)
        found = {name: value for name, value in arguments.items() if name not in left}
    else:
        found = {name: arguments[name] for name in names if name in arguments}
    for name, members in _WITHIN.items():
        if isinstance(found.get(name), dict):
            found[name] = {each: found[name][each] for each in members if each in found[name]}
    outputs = {"OutputParameters": list(step.outputs)} if step.outputs else {}
    return {**found, **step.more, **outputs}


def _split(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield an argument in the smallest parts that have names of their own."""
    if isinstance(value, dict) and value:
        for member, each in value.items():
            yield f"{name}.{member}", each
        return
    if isinstance(value, list) and value and all(_called(each) for each in value):
        for each in value:
            yield f"{name}.{_called(each)}", each
        return
    yield name, value


def _called(value: object) -> str | None:
    if not isinstance(value, dict):
        return None
    return next(
        (value[name] for name in ("InputName", "ChannelName") if isinstance(value.get(name), str)), None
    )


def _inputs(step: StepDefinition, arguments: Document) -> Iterator[tuple[str, str]]:
    """Yield what a step reads from S3: the name of the part and the URI."""
    for part, uri in _uris(_counted(step, arguments), ""):
        if not _BY_CONTENT.search(uri):
            yield f"{part} content", uri


def _uris(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            if (
                name in ("S3Uri", "ManifestS3Uri", "ModelDataUrl")
                and isinstance(each, str)
                and each.startswith("s3://")
            ):
                yield path, each
            elif name not in ("CheckpointConfig", "DebugHookConfig", "DebugRuleConfigurations"):
                inner = name if name not in ("DataSource", "S3DataSource", "S3Input") else ""
                yield from _uris(each, ".".join(filter(None, (path, inner))))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            called = _called(each)
            yield from _uris(each, f"{path}.{called}" if called else f"{path}[{index}]")


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
