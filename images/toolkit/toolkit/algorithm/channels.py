"""Reads the channels of a built-in algorithm: CSV with the label first, or recordio-protobuf."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolkit import recordio, tables
from toolkit.contract import Json
from toolkit.environment import Training
from toolkit.failure import UserError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
CSV, RECORDIO = "text/csv", "application/x-recordio-protobuf"


class Table(NamedTuple):
    """Rows, dense or sparse, with their labels where the channel gives them."""

    features: Any  # an array of float32 or a csr_matrix: both know shape, @ and rows by index
    labels: Floats | None

    @property
    def rows(self) -> int:
        """Count the rows."""
        return int(self.features.shape[0])

    @property
    def width(self) -> int:
        """Count the features."""
        return int(self.features.shape[1])


def required(job: Training, name: str, *, labels: int) -> Table:
    """Read a channel that must be there."""
    table = optional(job, name, labels=labels)
    if table is None:
        raise UserError(
            f"Unable to initialize the algorithm: {name!r} is a required channel. Give the job an input "
            f"channel of that name."
        )
    return table


def optional(job: Training, name: str, *, labels: int) -> Table | None:
    """Read a channel when the job has it. CSV has `labels` columns of label first, unless its label_size
    says otherwise."""
    folder = job.where.data / name
    if name not in job.channels and not folder.is_dir():
        return None
    if len(job.hosts) > 1:
        raise UserError(
            f"This job has {len(job.hosts)} hosts; Clary's built-in algorithms train on one. Set "
            f"InstanceCount to 1."
        )
    media, size = content_type(name, job.channels.get(name), labels)
    files = sorted(tables.files(folder))
    if not files:
        raise UserError(
            f"No data in the {name} channel: {folder} has no data file, or only empty ones. Upload one, or "
            "correct the channel's S3Uri."
        )
    table = _csv(name, files, size) if media == CSV else _recordio(name, files)
    if labels and table.labels is None:
        raise UserError(f"The {name} channel has no labels; every record needs one.")
    return table


def content_type(name: str, channel: Json, labels: int) -> tuple[str, int]:
    """Return a channel's format and how many columns of CSV are labels; without a type it is
    recordio-protobuf."""
    told = channel if isinstance(channel, dict) else {}
    if told.get("TrainingInputMode") == "Pipe":
        raise UserError("Pipe input is not supported by this image; use the input mode File or FastFile.")
    media, *parameters = (
        part.strip() for part in str(told.get("ContentType") or RECORDIO).lower().split(";")
    )
    if media not in (CSV, RECORDIO):
        raise UserError(f"{media} is not an accepted ContentType of the {name} channel: {RECORDIO}, {CSV}.")
    given = dict(part.split("=", 1) for part in parameters if "=" in part)
    size = given.get("label_size", str(labels))
    if size not in ("0", "1"):
        raise UserError(f"The {name} channel's label_size is {size}; it must be 0 or 1.")
    return media, int(size)


def unlabelled(job: Training, name: str, width: int) -> Table:
    """Read a required channel whose labels, if any, are not used; `width` is feature_dim."""
    table = required(job, name, labels=0)
    return _of_width(table, name, width)


def test(job: Training, width: int) -> Table | None:
    """Read the test channel of an algorithm that needs no labels."""
    table = optional(job, "test", labels=0)
    return None if table is None else _of_width(table, "test", width)


def _of_width(table: Table, name: str, width: int) -> Table:
    # Without a label_size AWS takes the first column of CSV for a label.
    if table.labels is None and table.width == width + 1 and isinstance(table.features, np.ndarray):
        table = Table(table.features[:, 1:], table.features[:, 0])
    check_width(table, width, name)
    finite(table, name)
    return table


def check_width(table: Table, width: int, channel: str) -> None:
    """Hold a channel against feature_dim, which many algorithms want to be told."""
    if width and table.width != width:
        raise UserError(
            f"The {channel} channel has {table.width} features, the hyperparameter feature_dim says "
            f"{width}; they must agree."
        )


def dense(features: Floats | csr_matrix) -> Floats:
    """Return the rows as a contiguous array."""
    plain = features if isinstance(features, np.ndarray) else features.toarray()
    return np.ascontiguousarray(plain, np.float32)


def finite(table: Table, channel: str) -> None:
    """Refuse missing and infinite values, which only trees can use."""
    values = table.features if isinstance(table.features, np.ndarray) else table.features.data
    found = [("features", values), *([("labels", table.labels)] if table.labels is not None else [])]
    for what, numbers in found:
        if not np.isfinite(numbers.sum(dtype=np.float64)):
            raise UserError(f"The {what} of the {channel} channel have NaN or infinite values; remove them.")


def _csv(name: str, files: list[Path], size: int) -> Table:
    table = tables.csv(files)
    if table.shape[1] <= size:
        raise UserError(f"The {name} channel has {table.shape[1]} columns; features must follow the label.")
    return Table(table[:, size:], table[:, 0] if size else None)


def _recordio(name: str, files: list[Path]) -> Table:
    try:
        rows = recordio.read(b"".join(path.read_bytes() for path in files))
    except ValueError as wrong:
        raise UserError(
            f"Failed to read the {name} channel as recordio-protobuf: {wrong}. If it is CSV, give the "
            f"channel the ContentType text/csv."
        ) from wrong
    return Table(rows.features, rows.labels)
