"""How the data of several requests become one table, and one prediction theirs again; how many at most."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from toolkit.failure import UserError
from toolkit.server.messages import Limits

SIZE = "SAGEMAKER_MODEL_SERVER_BATCH_SIZE"
MOST_REQUESTS = 64
"""Where a framework joins requests unasked."""


class Part(NamedTuple):
    """One request's data: parts of one key can be joined."""

    key: Hashable
    rows: int
    data: Any


class Joining(Protocol):
    """How data of several requests become one, and how the prediction is parted again."""

    limits: Limits

    def take(self, data: Any) -> Part | None:
        """Return the data as a part, or None when it has to be predicted alone."""
        ...

    def join(self, data: Sequence[Any]) -> Any:
        """Return the data of parts with one key as one."""
        ...


class Arrays:
    """Joins tables of one kind, or named ones, along the first axis; a row without that axis stays alone."""

    def __init__(self, kind: type, concatenate: Callable[[Sequence[Any]], Any], limits: Limits) -> None:
        self._kind, self._concatenate, self.limits = kind, concatenate, limits

    def take(self, data: Any) -> Part | None:
        """Return an array of two or more axes, or a dictionary of such with equally many rows."""
        if isinstance(data, self._kind):
            rows, key = _described(data)
            return Part(key, rows, data) if rows else None
        if not isinstance(data, dict) or not all(isinstance(value, self._kind) for value in data.values()):
            return None
        described = {name: _described(value) for name, value in data.items()}
        counts = {rows for rows, _ in described.values()}
        if len(counts) != 1 or 0 in counts:
            return None
        return Part(tuple((name, key) for name, (_, key) in described.items()), counts.pop(), data)

    def join(self, data: Sequence[Any]) -> Any:
        """Concatenate."""
        if isinstance(data[0], dict):
            return type(data[0])({name: self._concatenate([one[name] for one in data]) for name in data[0]})
        return self._concatenate(data)


def limits(default: int = MOST_REQUESTS, environment: Mapping[str, str] = os.environ) -> Limits:
    """Read how many requests may be predicted in one call."""
    return Limits(whole(environment, SIZE, default))


def whole(environment: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    """Read a whole number, or say what was given instead."""
    given = environment.get(name, "").strip() or str(default)
    if not given.isdigit() or int(given) < least:
        raise UserError(f"{name} is {given!r}; it must be a whole number of at least {least}.")
    return int(given)


def part(prediction: Any, rows: Sequence[int]) -> list[Any] | None:
    """Part a prediction into one for each request; None when it has not one entry a row."""
    if isinstance(prediction, dict):
        parted = [part(value, rows) for value in prediction.values()]
        if not parted or None in parted:
            return None
        several = zip(*(one or () for one in parted), strict=True)
        return [dict(zip(prediction, values, strict=True)) for values in several]
    if isinstance(prediction, tuple) and prediction and hasattr(prediction[0], "shape"):
        parted = [part(value, rows) for value in prediction]
        return None if None in parted else list(zip(*(one or () for one in parted), strict=True))
    shape = getattr(prediction, "shape", None)
    length = (shape[0] if shape else -1) if shape is not None else _length(prediction)
    if length != sum(rows):
        return None
    ends = np.cumsum(rows).tolist()
    return [prediction[end - count : end] for end, count in zip(ends, rows, strict=True)]


def _length(prediction: Any) -> int:
    return len(prediction) if isinstance(prediction, list) else -1


def _described(array: Any) -> tuple[int, Hashable]:
    """Return an array's rows, none for what is no table of numbers, and what it has in common with others."""
    kind = getattr(array.dtype, "kind", "f")  # torch's types have none, and are all numbers
    shape: tuple[int, ...] = tuple(array.shape)
    rows = shape[0] if len(shape) > 1 and kind in "fiub" else 0
    return rows, (array.dtype, shape[1:], getattr(array, "device", None))
