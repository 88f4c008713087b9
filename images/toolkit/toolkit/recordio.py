"""RecordIO-wrapped protobuf records, SageMaker's training format, read and written without a protobuf
library.

A record is `aialgs.data.Record`: maps `features` (field 1) and `label` (2) from a name to a Value, which
holds a Float32Tensor (2), Float64Tensor (3) or Int32Tensor (7) of values (1), keys (2) and shape (3). Keys
make a row sparse.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]

MAGIC = 0xCED7230A
FLOAT32, FLOAT64, INT32 = 2, 3, 7


class Rows(NamedTuple):
    """What a file of records holds: features, dense or sparse, and labels when every record has one."""

    features: Floats | csr_matrix
    labels: Floats | None


class _Tensor(NamedTuple):
    values: Floats | NDArray[np.float64]
    keys: NDArray[np.int64]
    width: int | None


def read(data: bytes) -> Rows:
    """Read every record; a ValueError says what is not as it should be."""
    return _alike(data) or _each(data)


def _each(data: bytes) -> Rows:
    features: list[_Tensor] = []
    labels: list[float] = []
    for record in records(data):
        tensors = {1: None, 2: None} | dict(_named_tensors(record))
        found, label = tensors[1], tensors[2]
        if found is None:
            raise ValueError(f"record {len(features)} has no feature tensor named 'values'")
        features.append(found)
        if label is not None and len(label.values):
            labels.append(float(label.values[0]))
    if not features:
        raise ValueError("there are no records")
    if labels and len(labels) != len(features):
        raise ValueError(f"{len(labels)} of {len(features)} records have a label; all or none must have one")
    return Rows(_matrix(features), np.array(labels, np.float32) if labels else None)


def records(data: bytes) -> Iterator[memoryview]:
    """Split a RecordIO stream into its records."""
    view, at = memoryview(data), 0
    while at < len(data):
        if len(data) - at < 8:
            raise ValueError(f"the data ends inside a record's header, at byte {at}")
        magic, length = struct.unpack_from("<II", data, at)
        if magic != MAGIC:
            raise ValueError(f"no RecordIO magic number at byte {at}")
        if at + 8 + length > len(data):
            raise ValueError(f"the data ends inside the record at byte {at}")
        yield view[at + 8 : at + 8 + length]
        at += 8 + length + -length % 4


def write(features: Floats, labels: Floats | None = None) -> bytes:
    """Write dense rows, one record each."""
    rows = ({"values": row} for row in features)
    marks: Iterable[Mapping[str, Floats]] = (
        ({"values": labels[i : i + 1]} for i in range(len(labels))) if labels is not None else ()
    )
    padded = iter(marks)
    return b"".join(record(row, next(padded, {})) for row in rows)


def record(features: Mapping[str, Floats], labels: Mapping[str, Floats]) -> bytes:
    """Write one record from named float32 vectors."""
    body = b"".join(_entry(1, name, values) for name, values in features.items())
    body += b"".join(_entry(2, name, values) for name, values in labels.items())
    return struct.pack("<II", MAGIC, len(body)) + body + bytes(-len(body) % 4)


def _alike(data: bytes) -> Rows | None:
    """Read dense float32 records that differ in nothing but their numbers, all at once; None when they do
    not.

    This is how SageMaker's SDKs write. One by one, a record takes some 20 µs."""
    if len(data) < 8:
        return None
    _, length = struct.unpack_from("<II", data)
    stride = 8 + length + -length % 4
    if len(data) % stride:
        return None
    try:
        first = _each(data[:stride])
    except ValueError:
        return None
    if not isinstance(first.features, np.ndarray) or not first.features.size:
        return None
    width, labelled = first.features.shape[1], first.labels is not None
    blank = _blank(np.zeros(width, np.float32), labelled, 0)
    if len(blank) != stride:
        return None
    filled = _blank(np.full(width, -1, np.int32).view(np.float32), labelled, -1)
    table = np.frombuffer(data, np.uint8).reshape(-1, stride)
    template, marks = np.frombuffer(blank, np.uint8), np.frombuffer(filled, np.uint8)
    places = np.flatnonzero(template != marks)  # of the numbers: those of the features, then the label's
    begin, end = int(places[0]), int(places[0]) + 4 * width
    label = int(places[-1]) + 1 - 4 if labelled else stride
    for low, high in ((0, begin), (end, label), (label + 4, stride)):
        if not (table[:, low:high] == template[low:high]).all():
            return None
    rows = np.ascontiguousarray(table[:, begin:end]).view("<f4")
    return Rows(
        rows, np.ascontiguousarray(table[:, label : label + 4]).view("<f4")[:, 0] if labelled else None
    )


def _blank(row: Floats, labelled: bool, bits: int) -> bytes:
    label = np.array([bits], np.int32).view(np.float32)
    return record({"values": row}, {"values": label} if labelled else {})


def _entry(field: int, name: str, values: Floats) -> bytes:
    raw = np.ascontiguousarray(values, dtype="<f4").tobytes()
    tensor = _block(1, raw)
    return _block(field, _block(1, name.encode()) + _block(2, _block(FLOAT32, tensor)))


def _block(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _matrix(rows: list[_Tensor]) -> Floats | csr_matrix:
    if not any(len(row.keys) or row.width is not None for row in rows):
        widths = {len(row.values) for row in rows}
        if len(widths) > 1:
            raise ValueError(f"dense records must have one width, these have {sorted(widths)}")
        return np.array([row.values for row in rows], dtype=np.float32)
    from scipy.sparse import csr_matrix

    columns = np.concatenate([row.keys for row in rows])
    values = np.concatenate([row.values for row in rows]).astype(np.float32)
    if len(columns) != len(values):
        raise ValueError("a sparse record needs as many keys as values")
    widest = int(columns.max()) + 1 if len(columns) else 0
    width = max([row.width or 0 for row in rows] + [widest])
    ends = np.cumsum([0] + [len(row.values) for row in rows])
    return csr_matrix((values, columns, ends), shape=(len(rows), width))


def _named_tensors(message: memoryview) -> Iterator[tuple[int, _Tensor | None]]:
    for field, entry in _fields(message):
        if field in (1, 2) and isinstance(entry, memoryview):
            parts = dict(_fields(entry))
            name, value = parts.get(1), parts.get(2)
            if isinstance(name, memoryview) and bytes(name) == b"values" and isinstance(value, memoryview):
                yield field, _tensor(value)


def _tensor(value: memoryview) -> _Tensor:
    for kind, content in _fields(value):
        if kind in (FLOAT32, FLOAT64, INT32) and isinstance(content, memoryview):
            return _read_tensor(kind, content)
    raise ValueError("a value that is not a Float32, Float64 or Int32 tensor")


def _read_tensor(kind: int, content: memoryview) -> _Tensor:
    values: list[NDArray[np.float64] | Floats] = []
    keys: list[int] = []
    shape: list[int] = []
    for field, part in _fields(content):
        if field == 1:
            values.append(_numbers(kind, part))
        elif field in (2, 3):
            (keys if field == 2 else shape).extend([part] if isinstance(part, int) else _varints(part))
    numbers = (
        values[0] if len(values) == 1 else np.array([one for part in values for one in part], np.float64)
    )
    return _Tensor(numbers, np.array(keys, np.int64), shape[-1] if shape else None)


def _numbers(kind: int, part: memoryview | int) -> NDArray[np.float64] | Floats:
    if isinstance(part, int):
        return np.array([part], np.float32)
    if kind == INT32:
        wide = np.array(list(_varints(part)), np.uint64)
        return wide.astype(np.int64).astype(np.int32).astype(np.float64)
    return np.frombuffer(part, "<f4" if kind == FLOAT32 else "<f8")


def _varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        number, at = _read_varint(data, at)
        yield number


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number in the record is cut off or too long")
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            number, at = _read_varint(message, at)
            yield field, number
            continue
        if wire == 2:
            length, at = _read_varint(message, at)
        else:
            length = {1: 8, 5: 4}.get(wire, -1)
        if length < 0 or at + length > len(message):
            raise ValueError("the record is not a protobuf message")
        yield field, message[at : at + length]
        at += length
