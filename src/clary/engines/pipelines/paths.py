"""What a Get names, and the ways into a document: `.Member`, `[0]`, `['name']`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clary.engines.pipelines.faults import Unresolved

Key = str | int

NAME = r"[A-Za-z0-9\-_]{1,64}"
_WAY = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")
_STEP = re.compile(rf"Steps\.({NAME})((?:[.\[].*)?)", re.S)


@dataclass(frozen=True)
class Reference:
    """What a Get names: a parameter, an execution variable, or the way to a property of a step."""

    root: str  # Parameters, Execution, PipelineExperimentConfig, Steps
    name: str
    way: tuple[Key, ...] = ()


def reference(text: str) -> Reference:
    """Read what a Get names; raises ValueError for what none can."""
    if found := _STEP.fullmatch(text):
        return Reference("Steps", found[1], way(found[2]))
    root, _, name = text.partition(".")
    if root in ("Parameters", "Execution", "PipelineExperimentConfig") and name:
        return Reference(root, name)
    raise ValueError(f"{text!r} names nothing; use Parameters.NAME, Execution.NAME or Steps.NAME.PROPERTY")


def way(text: str) -> tuple[Key, ...]:
    """Read a way into a document, each part with its own opening: `.A[0]['b']`."""
    keys: list[Key] = []
    at = 0
    while at < len(text):
        found = _WAY.match(text, at)
        if found is None:
            raise ValueError(f"{text!r} cannot be read from {text[at:]!r} on")
        member, index, quoted, double = found.groups()
        keys.append(
            int(index) if index is not None else next(k for k in (member, quoted, double) if k is not None)
        )
        at = found.end()
    return tuple(keys)


def json_way(text: str) -> tuple[Key, ...]:
    """Read the Path of a Std:JsonGet: like `way`, with or without `$`, the first member without a dot."""
    rest = text.removeprefix("$")
    if rest and rest[0] not in ".[":
        rest = "." + rest
    return way(rest)


def follow(document: object, keys: tuple[Key, ...], said: str) -> object:
    """Return what lies at the end of a way; an element of a list may be called by its name."""
    for key in keys:
        document = _within(document, key, said)
    return document


def _within(document: object, key: Key, said: str) -> object:
    if isinstance(document, dict):
        if key in document:
            return document[key]
        raise Unresolved(said, f"there is no {key!r} among {_some(document)}")
    if isinstance(document, list):
        if isinstance(key, int):
            if key < len(document):
                return document[key]
            raise Unresolved(said, f"the list has {len(document)} elements, none is [{key}]")
        for each in document:
            if isinstance(each, dict) and key in (v for k, v in each.items() if k.endswith("Name")):
                return each
        raise Unresolved(said, f"no element of the list has the name {key!r}")
    raise Unresolved(said, f"there is no {key!r} in {document!r}")


def _some(document: dict[str, object]) -> str:
    names = sorted(map(str, document))
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "") if names else "nothing"
