"""Checksums agree with awscrt and hashlib, in one piece, joined, and composed."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from awscrt import checksums as crt  # type: ignore[import-untyped]  # awscrt ships no types
from hypothesis import given
from hypothesis import strategies as st

from clary.core.body import StagedBody
from clary.core.errors import ApiError
from clary.store.objects import checksums, digests

ORACLES: dict[str, Callable[[bytes], bytes]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "CRC32C": lambda data: crt.crc32c(data).to_bytes(4, "big"),
    "CRC64NVME": lambda data: crt.crc64nvme(data).to_bytes(8, "big"),
    "SHA1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
    "SHA512": lambda data: hashlib.sha512(data).digest(),
    "XXHASH64": lambda data: crt.XXHash.compute_xxhash64(data),
    "XXHASH3": lambda data: crt.XXHash.compute_xxhash3_64(data),
    "XXHASH128": lambda data: crt.XXHash.compute_xxhash3_128(data),
}
# Published check values of the CRC catalogue, for the nine digits.
NINE_DIGITS = {"CRC32": "cbf43926", "CRC32C": "e3069283", "CRC64NVME": "ae8b14860a799888"}


def test_every_algorithm_of_the_model_is_there() -> None:
    assert set(checksums.ALGORITHMS) == set(ORACLES)


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_a_file_has_the_digest_its_oracle_says(tmp_path: Path, algorithm: str) -> None:
    data = bytes(range(256)) * 9000  # more than two chunks
    (tmp_path / "f").write_bytes(data)
    assert checksums.of_file(tmp_path / "f", [algorithm]) == {algorithm.lower(): ORACLES[algorithm](data)}


@pytest.mark.parametrize("algorithm", NINE_DIGITS)
def test_a_crc_has_its_published_check_value(algorithm: str) -> None:
    digest = checksums.of_bytes(b"123456789", [algorithm])[algorithm.lower()]
    assert digest.hex() == NINE_DIGITS[algorithm]


@pytest.mark.parametrize("algorithm", NINE_DIGITS)
@given(parts=st.lists(st.binary(max_size=50), max_size=6))
def test_joined_crcs_are_the_crc_of_the_whole(algorithm: str, parts: list[bytes]) -> None:
    joined = checksums.joined(algorithm, [(ORACLES[algorithm](part), len(part)) for part in parts])
    assert base64.b64decode(joined) == ORACLES[algorithm](b"".join(parts))


def test_a_composite_checksum_is_that_of_the_parts_checksums() -> None:
    over = base64.b64encode(hashlib.sha256(b"\1" * 32 + b"\2" * 32).digest()).decode()
    assert checksums.composite("SHA256", [b"\1" * 32, b"\2" * 32]) == f"{over}-2"


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_a_wrong_checksum_is_a_bad_digest(tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "f").write_bytes(b"data")
    staged = StagedBody(path=tmp_path / "f", size=4)
    digests.verify(staged, {algorithm: checksums.encode(ORACLES[algorithm](b"data"))}, None)
    with pytest.raises(ApiError) as caught:
        digests.verify(staged, {algorithm: checksums.encode(ORACLES[algorithm](b"other"))}, None)
    assert caught.value.code == "BadDigest"


@pytest.mark.parametrize(
    ("claims", "md5", "code"),
    [
        ({"CRC32": "AAAA"}, None, "InvalidRequest"),
        ({"CRC32": "not base64"}, None, "InvalidRequest"),
        ({"CRC32": "AAAAAA==", "SHA1": "x"}, None, "InvalidRequest"),
        ({}, "AAAA", "InvalidDigest"),
        ({}, "1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"),
    ],
)
def test_a_claim_that_cannot_be_is_refused(
    tmp_path: Path, claims: dict[str, str], md5: str | None, code: str
) -> None:
    (tmp_path / "f").write_bytes(b"data")
    with pytest.raises(ApiError) as caught:
        digests.verify(StagedBody(path=tmp_path / "f", size=4), claims, md5)
    assert caught.value.code == code
