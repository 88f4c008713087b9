"""Reads a channel into the matrix XGBoost trains on: label first, then the features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from toolkit.contract import Json
from toolkit.failure import UserError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]

FORMATS = {
    "csv": "csv",
    "text/csv": "csv",
    "libsvm": "libsvm",
    "text/libsvm": "libsvm",
    "text/x-libsvm": "libsvm",
    "parquet": "parquet",
    "application/x-parquet": "parquet",
    "recordio-protobuf": "recordio",
    "application/x-recordio-protobuf": "recordio",
}


class Examples(NamedTuple):
    """Labelled rows, dense or sparse, with weights where the data gives them."""

    features: Floats | csr_matrix
    labels: Floats
    weights: Floats | None = None


def content_type(channel: Json) -> str:
    """Return a channel's format; without a ContentType it is libsvm, as in AWS's container."""
    told = channel if isinstance(channel, dict) else {}
    if told.get("TrainingInputMode") == "Pipe":
        raise UserError("Pipe input is not supported by this algorithm; use the input mode File or FastFile.")
    given = told.get("ContentType")
    if not given:
        return "libsvm"
    media, *parameters = (part.strip() for part in str(given).lower().split(";"))
    if media not in FORMATS:
        raise UserError(f"{given} is not an accepted ContentType: {', '.join(FORMATS)}.")
    sizes = [value for name, _, value in (part.partition("=") for part in parameters) if name == "label_size"]
    if sizes and sizes[0] != "1":
        raise UserError(f"{given} is not an accepted csv ContentType: label_size must be 1.")
    return FORMATS[media]


def read(folder: Path, kind: str, *, csv_weights: bool = False) -> Examples | None:
    """Read every data file of a channel; None when there is none."""
    files = sorted(_files(folder))
    if not files:
        return None
    if kind == "csv":
        return _csv(files, weighted=csv_weights)
    if kind == "libsvm":
        return _libsvm(files)
    return _parquet(files) if kind == "parquet" else _recordio(files)


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
    for path in folder.rglob("*") if folder.is_dir() else ():
        hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and path.stat().st_size:
            yield path


def _csv(files: Iterable[Path], *, weighted: bool) -> Examples:
    tables = [(path, csv_table(path)) for path in files]
    width = tables[0][1].shape[1]
    for path, table in tables:
        if table.shape[1] != width:
            raise UserError(f"{path.name} has {table.shape[1]} columns, {tables[0][0].name} has {width}.")
    first = 2 if weighted else 1
    if width <= first:
        raise UserError(
            f"The CSV files have {width} columns; the label comes first and features must follow."
        )
    table = np.concatenate([table for _, table in tables]) if len(tables) > 1 else tables[0][1]
    return Examples(table[:, first:], table[:, 0], table[:, 1] if weighted else None)


def csv_table(path: Path) -> Floats:
    """Read numbers separated by a comma, or by what the first line shows; an empty field is a missing
    value."""
    with path.open(errors="replace") as file:
        first = file.readline()
    separator = next((mark for mark in ",;\t| " if mark in first.strip()), ",")
    try:
        return np.loadtxt(path, delimiter=separator, dtype=np.float32, ndmin=2, comments=None)
    except ValueError:
        return _csv_with_gaps(path, separator)


def _csv_with_gaps(path: Path, separator: str) -> Floats:
    rows: list[list[float]] = []
    with path.open(errors="replace") as file:
        for number, line in enumerate(file, 1):
            fields = line.strip("\r\n").split(separator)
            if fields == [""]:
                continue
            if rows and len(fields) != len(rows[0]):
                raise UserError(
                    f"{path.name}, line {number}: {len(fields)} columns; the lines above have {len(rows[0])}."
                )
            rows.append([_number(field, path.name, number) for field in fields])
    return np.array(rows, dtype=np.float32)


def _number(field: str, name: str, line: int) -> float:
    plain = field.strip().strip('"')
    try:
        return float(plain) if plain else float("nan")
    except ValueError as wrong:
        raise UserError(
            f"{name}, line {line}: {plain[:40]!r} is not a number. CSV for XGBoost has no header, the "
            f"label in its first "
            "column and numbers only."
        ) from wrong


def _libsvm(files: Iterable[Path]) -> Examples:
    from scipy.sparse import csr_matrix

    labels: list[float] = []
    weights: list[float] = []
    columns: list[int] = []
    values: list[float] = []
    ends = [0]
    for path in files:
        with path.open(errors="replace") as file:
            for number, line in enumerate(file, 1):
                words = line.partition("#")[0].split()
                if not words:
                    continue
                try:
                    label, _, weight = words[0].partition(":")
                    labels.append(float(label))
                    weights.append(float(weight) if weight else 1.0)
                    for index, _, value in (word.partition(":") for word in words[1:]):
                        if index != "qid":
                            columns.append(int(index))
                            values.append(float(value))
                except ValueError as wrong:
                    raise UserError(
                        f"{path.name}, line {number}: '{line[:50].strip()}…' is not LIBSVM: <label> "
                        f"<index>:<value> …"
                    ) from wrong
                ends.append(len(values))
    width = max(columns, default=-1) + 1
    shape = (len(labels), width)
    features = csr_matrix(
        (np.array(values, np.float32), np.array(columns, np.int32), np.array(ends)), shape=shape
    )
    given = np.array(weights, np.float32)
    return Examples(features, np.array(labels, np.float32), given if (given != 1).any() else None)


def _parquet(files: Iterable[Path]) -> Examples:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        table = arrow.concat_tables([parquet.read_table(path) for path in files])
        columns = [column.to_numpy().astype(np.float32) for column in table.columns]
    except (arrow.ArrowException, ValueError, TypeError) as wrong:
        raise UserError(f"Failed to load parquet data, whose columns must all be numbers: {wrong}") from wrong
    if len(columns) < 2:
        raise UserError("The parquet files have one column; the label comes first and features must follow.")
    return Examples(np.column_stack(columns[1:]), columns[0])


def _recordio(files: Iterable[Path]) -> Examples:
    from toolkit import recordio

    try:
        rows = recordio.read(b"".join(path.read_bytes() for path in files))
    except ValueError as wrong:
        raise UserError(f"Failed to load recordio-protobuf data: {wrong}") from wrong
    if rows.labels is None:
        raise UserError("The recordio-protobuf records have no label; every record needs label['values'].")
    return Examples(rows.features, rows.labels)
