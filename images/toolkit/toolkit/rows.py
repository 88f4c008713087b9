"""Reads the rows of a request, dense or sparse, in the content types of the built-in algorithms."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.server.messages import CSV, JSON, JSON_LINES, LIBSVM, RECORDIO, Refused, Request, unsupported

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]

READS = (CSV, LIBSVM, "text/x-libsvm", RECORDIO, JSON, JSON_LINES)
_BLANK = float("nan")
_LARGE = 1 << 14  # bytes of CSV from which the library's own reader is worth its start


def read(request: Request) -> Floats | csr_matrix:
    """Return the rows of a request; refuse what is not as its content type says."""
    media = request.media or CSV
    reader = _READERS.get(media)
    if reader is None:
        raise unsupported(request.content_type, READS)
    try:
        return reader(request.body)
    except ImportError:
        raise  # the image lacks a package
    except Exception as wrong:  # whatever a reader makes of a stranger's bytes, they are at fault
        name = media.rpartition("/")[2]
        raise Refused(
            415,
            f"Loading {name} data failed with {type(wrong).__name__}, please ensure data is in {name} "
            f"format: {wrong}",
        ) from wrong


def read_csv(body: bytes) -> Floats:
    """Read rows of numbers; an empty field is a missing value."""
    if len(body) >= _LARGE and not body[:_LARGE].isspace():
        try:
            return np.loadtxt(io.BytesIO(body), np.float32, comments=None, delimiter=",", ndmin=2)
        except ValueError:
            pass  # an empty field, another mark between fields, or a mistake: what is slower tells them apart
    lines = body.split()
    if len(lines) == 1 and b"," in lines[0]:
        return np.array([[float(field) if field else _BLANK for field in lines[0].split(b",")]], np.float32)
    lines = [line for line in body.replace(b"\r", b"").split(b"\n") if line.strip()]
    if not lines:
        raise ValueError("there are no rows")
    mark = next((mark for mark in (b",", b";", b"\t", b"|", b" ") if mark in lines[0].strip()), b",")
    rows = [[float(field) if field.strip() else _BLANK for field in line.split(mark)] for line in lines]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(
            f"the rows have {sorted({len(row) for row in rows})} columns; all must have the same"
        )
    return np.array(rows, np.float32)


def _read_libsvm(body: bytes) -> csr_matrix:
    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    for line in body.decode().splitlines():
        if not line.strip():
            continue
        label, *words = line.split()
        if ":" in label:
            words.insert(0, label)
        else:
            float(label)
        pairs = [word.partition(":") for word in words if not word.startswith("qid:")]
        columns += [int(index) for index, _, _ in pairs]
        values += [float(value) for _, _, value in pairs]
        ends.append(len(values))
    return _sparse(values, columns, ends, max(columns, default=-1) + 1)


def _read_recordio(body: bytes) -> Floats | csr_matrix:
    from toolkit import recordio

    return recordio.read(body).features


def _read_json(body: bytes) -> Floats | csr_matrix:
    content = json.loads(body)
    return _table(content["instances"] if isinstance(content, dict) else content)


def _read_json_lines(body: bytes) -> Floats | csr_matrix:
    return _table([json.loads(line) for line in body.splitlines() if line.strip()])


def _table(instances: list[object]) -> Floats | csr_matrix:
    vectors = [_vector(instance) for instance in instances]
    if any(isinstance(vector, dict) for vector in vectors):
        return _keyed(vectors)
    rows = np.array(vectors, np.float32)
    if rows.ndim != 2:
        raise ValueError("instances must be a list of rows of the same length")
    return rows


def _vector(instance: object) -> object:
    """Return the numbers of an instance, or its mapping of values, keys and shape when it is sparse."""
    if isinstance(instance, dict):
        if "features" in instance:
            return _vector(instance["features"])
        if "data" in instance:
            return _vector(instance["data"])
        return instance if instance.get("keys") else instance["values"]
    return instance


def _keyed(vectors: list[Any]) -> csr_matrix:
    values: list[float] = []
    columns: list[int] = []
    ends, width = [0], 0
    for vector in vectors:
        sparse = vector if isinstance(vector, dict) else {"values": vector, "keys": range(len(vector))}
        if len(sparse["keys"]) != len(sparse["values"]):
            raise ValueError("a sparse instance needs as many keys as values")
        values += sparse["values"]
        columns += sparse["keys"]
        ends.append(len(values))
        shape = sparse.get("shape") or [0]
        width = max(width, shape[0] if isinstance(shape, list) else shape)
    return _sparse(values, columns, ends, max(width, max(columns, default=-1) + 1))


def _sparse(values: list[float], columns: list[int], ends: list[int], width: int) -> csr_matrix:
    from scipy.sparse import csr_matrix

    if len(ends) == 1:
        raise ValueError("there are no rows")
    parts = (np.array(values, np.float32), np.array(columns, np.int32), np.array(ends))
    return csr_matrix(parts, shape=(len(ends) - 1, width))


_READERS = {
    CSV: read_csv,
    LIBSVM: _read_libsvm,
    "text/x-libsvm": _read_libsvm,
    "libsvm": _read_libsvm,
    "csv": read_csv,
    RECORDIO: _read_recordio,
    JSON: _read_json,
    JSON_LINES: _read_json_lines,
}
