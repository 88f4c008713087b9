"""recordio-protobuf: what sagemaker-training writes is read, what is written reads back, garbage is
refused."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.images.container import recorded

from toolkit import recordio

ROWS = np.array([[1.5, -2.25, 3e-5], [0, 7, 1e9]])


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "unlabelled"])
def test_files_of_sagemaker_training_are_read(kind: str) -> None:
    found = recordio.read(base64.b64decode(recorded("recordio.json")["files"][kind]))
    rows = ROWS.astype(int) if kind == "int32" else ROWS
    assert np.array_equal(found.features, rows.astype(np.float32))
    assert (found.labels is None) == (kind == "unlabelled")
    if found.labels is not None:
        assert found.labels.tolist() == [1, 0]


def test_what_is_written_is_byte_for_byte_what_sagemaker_training_writes() -> None:
    theirs = base64.b64decode(recorded("recordio.json")["files"]["float32"])
    assert recordio.write(ROWS.astype(np.float32), np.array([1, 0], np.float32)) == theirs


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(1, 8))), st.booleans())
def test_rows_read_back_as_written(rows: recordio.Floats, labelled: bool) -> None:
    labels = rows[:, 0].copy() if labelled else None
    found = recordio.read(recordio.write(rows, labels))
    assert np.array_equal(found.features, rows, equal_nan=True)
    assert (found.labels is None) != labelled


@given(st.binary(max_size=200), st.integers(0, 60))
def test_garbage_is_refused_and_never_crashes(junk: bytes, cut: int) -> None:
    good = recordio.write(ROWS.astype(np.float32))
    for data in (junk, good[:cut], good[:8] + junk):
        try:
            recordio.read(data)
        except ValueError:
            continue


def test_records_that_are_not_alike_are_read_one_by_one() -> None:
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    one = recordio.write(rows[:1], np.array([1], np.float32))
    other = recordio.record({"valves": rows[1]}, {"values": rows[1, :1]})  # as long as the first one
    assert len(one) == len(other)
    with pytest.raises(ValueError, match="record 1 has no feature tensor"):
        recordio.read(one + other)
    shorter = recordio.write(rows[1:, :2], np.array([0], np.float32))
    with pytest.raises(ValueError, match="dense records must have one width"):
        recordio.read(one + shorter)
