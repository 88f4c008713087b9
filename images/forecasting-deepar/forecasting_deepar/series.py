"""Reads time series: JSON lines, plain or gzipped, and Parquet of a channel; objects of a request."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from toolkit.contract import Json
from toolkit.environment import Training
from toolkit.failure import UserError

from forecasting_deepar import frequency
from forecasting_deepar.frequency import Frequency
from toolkit import tables

Floats = NDArray[np.float32]
Entry = Mapping[str, object]

JSON_LINES, PARQUET = (
    ("json", "application/json", "application/jsonlines"),
    ("parquet", "application/x-parquet"),
)
GZIP = b"\x1f\x8b"


class Series(NamedTuple):
    """One time series: where it starts, its values (NaN where missing), its groups, its features by row."""

    start: int
    target: Floats
    cat: tuple[int, ...]
    dynamic: Floats


class Form(NamedTuple):
    """What every series of a model has: None of a channel means as its first series."""

    frequency: Frequency
    cardinality: list[int] | None
    dynamic: int | None


class Malformed(ValueError):
    """A series is not as it should be; the message says how."""


def channel(job: Training, name: str, form: Form, ahead: int) -> list[Series] | None:
    """Read a channel; None when the job has none. A feature may be longer than its target by `ahead`."""
    folder = job.where.data / name
    if name not in job.channels and not folder.is_dir():
        return None
    kind = _kind(name, job.channels.get(name))
    found: list[Series] = []
    paths = sorted(tables.files(folder))
    for path in paths:
        for number, entry in _entries(path, kind):
            try:
                found.append(read(entry, form, ahead=ahead, exactly=False))
            except Malformed as wrong:
                raise UserError(f"{path.name} of the {name} channel, series {number}: {wrong}") from wrong
    if not found:
        raise UserError(
            f"No data in the {name} channel: {folder} has no .json, .json.gz or .parquet file with a series."
        )
    return found


def read(entry: Entry, form: Form, *, ahead: int, exactly: bool) -> Series:
    """Read one series; with `exactly` its features must reach `ahead` values beyond its target."""
    missing = [name for name in ("start", "target") if name not in entry]
    if missing:
        raise Malformed(f"{missing[0]!r} is missing; a series has 'start' and 'target'")
    try:
        start = form.frequency.position(frequency.moment(entry["start"]))
    except (ValueError, OverflowError) as wrong:
        raise Malformed(
            f"'start' is {entry['start']!r}; it must be a time like 2009-11-01 00:00:00"
        ) from wrong
    target = _numbers("target", entry["target"])
    dynamic = _dynamic(entry, form.dynamic, len(target), ahead, exactly=exactly)
    return Series(start, target, _cat(entry, form.cardinality), dynamic)


def _cat(entry: Entry, cardinality: list[int] | None) -> tuple[int, ...]:
    if cardinality == []:
        return ()
    given = entry.get("cat")
    wanted = [] if given is None else given if isinstance(given, list) else [given]
    if cardinality is not None and len(wanted) != len(cardinality):
        raise Malformed(f"'cat' has {len(wanted)} categories; it must have {len(cardinality)}")
    for place, value in enumerate(wanted):
        limit = math.inf if cardinality is None else cardinality[place]
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < limit:
            known = "" if cardinality is None else f" below {limit}"
            raise Malformed(f"'cat' has {value!r}; a category is a whole number from 0 on{known}")
    return tuple(wanted)


def _dynamic(entry: Entry, count: int | None, length: int, ahead: int, *, exactly: bool) -> Floats:
    given = entry.get("dynamic_feat")
    if count == 0 or (given is None and count is None):
        return np.zeros((0, 0), np.float32)
    rows = [_numbers("dynamic_feat", row) for row in given] if isinstance(given, list) else []
    if count is not None and len(rows) != count:
        raise Malformed(f"'dynamic_feat' has {len(rows)} features; it must have {count}")
    allowed = (length + ahead,) if exactly else (length, length + ahead)
    for row in rows:
        if len(row) not in allowed:
            raise Malformed(f"a 'dynamic_feat' has {len(row)} values; it must have {allowed[0]}")
        if not np.isfinite(row).all():
            raise Malformed("a 'dynamic_feat' has a missing value; only 'target' may have those")
    return np.stack(rows) if rows else np.zeros((0, 0), np.float32)


def _numbers(name: str, given: object) -> Floats:
    if not isinstance(given, list):
        raise Malformed(f"{name!r} is {type(given).__name__}; it must be a list of numbers")
    try:
        return np.array([math.nan if one in (None, "NaN") else one for one in given], np.float32)
    except (ValueError, TypeError) as wrong:
        raise Malformed(f'{name!r} must be a list of numbers, null or "NaN" where one is missing') from wrong


def _kind(name: str, told: Json) -> str:
    given = told if isinstance(told, dict) else {}
    if given.get("TrainingInputMode") == "Pipe":
        raise UserError("Pipe input is not supported by DeepAR; use the input mode File or FastFile.")
    media = str(given.get("ContentType") or "").partition(";")[0].strip().lower()
    if media in ("", "auto"):
        return ""
    if media in (*JSON_LINES, *PARQUET):
        return "json" if media in JSON_LINES else "parquet"
    raise UserError(f"{media} is not an accepted ContentType of the {name} channel: json, parquet.")


def _entries(path: Path, kind: str) -> Iterator[tuple[int, Entry]]:
    if kind == "parquet" or (not kind and ".parquet" in path.suffixes):
        yield from enumerate(_parquet(path), 1)
        return
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    with gzip.open(path) if packed else path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except ValueError as wrong:
                raise UserError(
                    f"{path.name}, line {number}, is not JSON: {wrong}. The file must have one object a line."
                ) from wrong
            if not isinstance(entry, dict):
                raise UserError(f"{path.name}, line {number}, is not a JSON object.")
            yield number, entry


def _parquet(path: Path) -> Iterator[Entry]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except pyarrow.ArrowInvalid as wrong:
        raise UserError(f"{path.name} is not a Parquet file: {wrong}") from wrong
