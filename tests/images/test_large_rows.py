"""Large bodies of CSV are read by the library; what it does not read is read as small ones are."""

from __future__ import annotations

import numpy as np
import pytest
from toolkit.rows import read_csv

MANY = 5000


@pytest.mark.parametrize(
    "line",
    [
        b"1,2.5,-3e-7",
        b"1",
        b"0.1,nan,inf",
        b"1,,3",
        b" 1 , 2 ",
        b"1;2;3",
        b"1\t2",
        b"1 2",
        b"3.4028235e38,1e-46",
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"])
def test_a_large_body_is_read_as_a_small_one(line: bytes, end: bytes) -> None:
    few, many = read_csv((line + end) * 2), read_csv((line + end) * MANY)
    assert many.dtype == few.dtype == np.float32
    np.testing.assert_array_equal(many, np.repeat(few[:1], MANY, axis=0))


def test_the_last_bit_of_a_number_is_the_same() -> None:
    values = np.random.default_rng(3).random(2 * MANY) * 10.0 ** np.arange(-20, 20).repeat(MANY // 20)
    lines = [f"{a!r},{b!r}".encode() for a, b in values.reshape(-1, 2).tolist()]
    many = read_csv(b"\n".join(lines))
    few = np.concatenate([read_csv(line) for line in lines])
    np.testing.assert_array_equal(many, few)


@pytest.mark.parametrize("line", [b"1,x", b"1,2\n1,2,3"])
def test_a_mistake_is_told_however_large_the_body(line: bytes) -> None:
    for times in (2, MANY):
        with pytest.raises(ValueError, match=r"could not convert|columns; all must have the same"):
            read_csv((line + b"\n") * times)
