"""Reads a channel into the matrix XGBoost trains on: label first, then the features."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from toolkit.contract import Json
from toolkit.failure import UserError

from toolkit import tables

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
    files = sorted(tables.files(folder))
    if not files:
        return None
    if kind == "csv":
        return _csv(files, weighted=csv_weights)
    if kind == "libsvm":
        return _libsvm(files)
    return _parquet(files) if kind == "parquet" else _recordio(files)


def _csv(files: Iterable[Path], *, weighted: bool) -> Examples:
    table = tables.csv(files)
    width = table.shape[1]
    first = 2 if weighted else 1
    if width <= first:
        raise UserError(
            f"The CSV files have {width} columns; the label comes first and features must follow."
        )
    return Examples(table[:, first:], table[:, 0], table[:, 1] if weighted else None)


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
        raise UserError(
            f"Failed to load parquet data, whose columns must all be numbers: {str(wrong).rstrip('.')}. "
            "Write the file again, or give the channel the ContentType that it has."
        ) from wrong
    if len(columns) < 2:
        raise UserError("The parquet files have one column; the label comes first and features must follow.")
    return Examples(np.column_stack(columns[1:]), columns[0])


def _recordio(files: Iterable[Path]) -> Examples:
    from toolkit import recordio

    try:
        rows = recordio.read(b"".join(path.read_bytes() for path in files))
    except ValueError as wrong:
        raise UserError(
            f"Failed to load recordio-protobuf data: {wrong}. Write the file again, or give the channel the "
            "ContentType that it has."
        ) from wrong
    if rows.labels is None:
        raise UserError("The recordio-protobuf records have no label; every record needs label['values'].")
    return Examples(rows.features, rows.labels)
