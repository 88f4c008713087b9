"""Content types and numpy arrays: how the frameworks' default input_fn and output_fn read and write."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.server.messages import (
    CSV,
    JSON,
    JSON_LINES,
    LIBSVM,
    NPY,
    RECORDIO,
    Refused,
    media_of,
    negotiate,
    unsupported,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = NDArray[Any]

READS = (JSON, CSV, NPY, JSON_LINES, "application/x-npz", LIBSVM, RECORDIO)
WRITES = (JSON, CSV, NPY, JSON_LINES)
MOST_UNPACKED = 1 << 30
"""Bytes of a compressed array once it is unpacked."""


def decode(body: str | bytes, content_type: str) -> Any:
    """Read a body into an array (a sparse matrix for libsvm); refuse with 415 what is not as its type
    says."""
    media = media_of(content_type)
    reader = _READERS.get(media)
    if reader is None:
        raise unsupported(content_type, READS)
    try:
        if media == CSV:
            return read_csv(body)
        return reader(body.encode() if isinstance(body, str) else bytes(body))
    except ImportError:
        raise  # the image lacks a package
    except Exception as wrong:  # whatever a reader makes of a stranger's bytes, they are at fault
        raise Refused(415, f"The body is not {media}: {_cured(wrong)}") from wrong


def encode(prediction: Any, accept: str) -> tuple[bytes, str]:
    """Write a prediction in the accepted content type; refuse with 406 one that is not written here."""
    media = negotiate(accept, WRITES, JSON)
    if media == JSON:
        return json_bytes(plain(prediction)), media
    array = np.asarray(prediction)
    if media == JSON_LINES:
        return b"".join(json_bytes(row) + b"\n" for row in np.atleast_1d(array).tolist()), media
    if media == CSV:
        rows = np.atleast_1d(array).tolist()
        lines = (",".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows)
        return ("\n".join(lines) + "\n").encode(), media
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue(), media


def plain(value: Any) -> Any:
    """Return a prediction as what JSON has: arrays as lists, dictionaries of them too."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return value if isinstance(value, str | bool | int | float) else np.asarray(value).tolist()


def json_bytes(value: Any) -> bytes:
    """Write JSON; what is no number there (NaN, the infinities) is null. evidence/model-answers.md"""
    try:
        return _JSON(value).encode()
    except ValueError:
        return _JSON(_finite(value)).encode()


def read_csv(body: bytes | str) -> Array:
    """Read rows of numbers into a table, a single row too; an empty field is NaN; text columns stay text."""
    text = body if isinstance(body, str) else bytes(body).decode()
    try:  # one row of numbers, as most requests have
        return np.array([list(map(float, text.split(",")))])
    except ValueError:
        return _read_csv(text)


def _read_csv(text: str) -> Array:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError("there are no rows")
    rows = [line.split(",") for line in lines]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(
            f"the rows have {sorted({len(row) for row in rows})} columns; all must have the same"
        )
    try:
        return np.array([[float(field) if field.strip() else np.nan for field in row] for row in rows])
    except ValueError:
        return np.array([[field.strip().strip('"') for field in row] for row in rows])


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_JSON = json.JSONEncoder(allow_nan=False).encode


def _cured(wrong: Exception) -> str:
    """Say what is wrong; of pickled objects, what to send in their place."""
    if "allow_pickle" in str(wrong):
        return "it holds pickled Python objects, which are never unpickled. Send an array of numbers or text."
    return str(wrong) or type(wrong).__name__


def _read_json(body: bytes) -> Array:
    return np.array(json.loads(body))


def _read_json_lines(body: bytes) -> Array:
    return np.array([json.loads(line) for line in body.splitlines() if line.strip()])


def _read_npy(body: bytes) -> Array:
    array: Array = np.load(io.BytesIO(body), allow_pickle=False)
    return array


def _read_npz(body: bytes) -> Array:
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        if not archive.files:
            raise ValueError("it holds no array")
        unpacked = archive.zip.infolist()[0].file_size
        if unpacked > MOST_UNPACKED:
            most = f"{unpacked} bytes when unpacked, of at most {MOST_UNPACKED}"
            raise ValueError(f"its first array has {most}. Send it in parts.")
        array: Array = archive[archive.files[0]]
        return array


def _read_libsvm(body: bytes) -> csr_matrix:
    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    for line in filter(str.strip, body.decode().splitlines()):
        label, *words = line.split()
        if ":" in label:
            words.insert(0, label)
        else:
            float(label)
        pairs = [word.partition(":") for word in words if not word.startswith("qid:")]
        columns += [int(index) for index, _, _ in pairs]
        values += [float(value) for _, _, value in pairs]
        ends.append(len(values))
    from scipy.sparse import csr_matrix

    shape = (len(ends) - 1, max(columns, default=-1) + 1)
    return csr_matrix((np.array(values), np.array(columns, np.int32), np.array(ends)), shape=shape)


def _read_recordio(body: bytes) -> Any:
    from toolkit import recordio

    return recordio.read(body).features


_READERS = {
    JSON: _read_json,
    JSON_LINES: _read_json_lines,
    CSV: read_csv,
    NPY: _read_npy,
    "application/x-npz": _read_npz,
    LIBSVM: _read_libsvm,
    "text/x-libsvm": _read_libsvm,
    RECORDIO: _read_recordio,
}
