"""Reads a channel's files of numbers, for every built-in algorithm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toolkit.failure import UserError

Floats = NDArray[np.float32]

_COMPRESSED = {"gzip": "\x1f\ufffd", "zip": "PK\x03\x04", "bzip2": "BZh", "Zstandard": "(\ufffd/\ufffd"}
"""How a compressed file begins, read as text."""


def files(folder: Path) -> Iterator[Path]:
    """Yield a channel's data files; hidden and empty ones are none."""
    if folder.is_file():
        yield folder
    for path in folder.rglob("*") if folder.is_dir() else ():
        hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and path.stat().st_size:
            yield path


def csv(paths: Iterable[Path]) -> Floats:
    """Read the tables of all files as one; they must be of one width."""
    tables = [(path, csv_table(path)) for path in paths]
    width = tables[0][1].shape[1]
    for path, table in tables:
        if table.shape[1] != width:
            raise UserError(
                f"{path.name} has {table.shape[1]} columns, {tables[0][0].name} has {width}. All files of a "
                "channel must have the same columns."
            )
    return np.concatenate([table for _, table in tables]) if len(tables) > 1 else tables[0][1]


def csv_table(path: Path) -> Floats:
    """Read numbers separated by a comma, or by what the first line shows; an empty field is a missing
    value."""
    with path.open(errors="replace") as file:
        first = file.readline()
    for kind, magic in _COMPRESSED.items():
        if first.startswith(magic):
            raise UserError(
                f"{path.name} is compressed ({kind}); upload it uncompressed: a channel's files are read as "
                "they are."
            )
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
                    f"{path.name}, line {number}: {len(fields)} columns; the lines above have {len(rows[0])}"
                    ". Every line must have the same number: correct it, with an empty field for a gap."
                )
            rows.append([_number(field, path.name, number) for field in fields])
    return np.array(rows, dtype=np.float32)


def _number(field: str, name: str, line: int) -> float:
    plain = field.strip().strip('"')
    try:
        return float(plain) if plain else float("nan")
    except ValueError as wrong:
        raise UserError(
            f"{name}, line {line}: {plain[:40]!r} is not a number. CSV for a built-in algorithm has no "
            "header, the label, if any, in its first column and numbers only."
        ) from wrong
