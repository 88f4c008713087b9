"""Our CBOR against cbor2's."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.core.errors import SerializationError
from clary.wire import cbor

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 64), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(TREES)
def test_what_we_encode_cbor2_decodes(tree: object) -> None:
    assert cbor2.loads(cbor.encode(tree)) == tree


@given(TREES)
def test_what_cbor2_encodes_we_decode(tree: object) -> None:
    assert cbor.decode(cbor2.dumps(tree)) == tree


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("9f0102ff", [1, 2]),
        ("bf616101ff", {"a": 1}),
        ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("f97e00", math.nan),
        ("f97c00", math.inf),
        ("fac0833333", -4.099999904632568),
        ("c11a514b67b0", datetime(2013, 3, 21, 20, 4, tzinfo=UTC)),
        ("c1fb41d452d9ec200000", datetime(2013, 3, 21, 20, 4, 0, 500000, UTC)),
        ("f6", None),
        ("f7", None),
    ],
)
def test_published_examples_decode(raw: str, value: object) -> None:
    decoded = cbor.decode(bytes.fromhex(raw))
    if isinstance(value, float) and math.isnan(value):
        assert isinstance(decoded, float) and math.isnan(decoded)
    else:
        assert decoded == value


def test_times_are_epoch_times() -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, 250000, UTC)
    assert cbor.encode(when)[0] == 0xC1
    assert cbor.decode(cbor.encode(when)) == when


@given(st.binary(max_size=40))
def test_noise_is_decoded_or_refused(noise: bytes) -> None:
    try:
        cbor.decode(noise)
    except SerializationError as error:
        assert error.status == 400
