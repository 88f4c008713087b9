"""Keys are opaque: whatever their spelling, they are found again, and never touch the file system."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from tests.store.objects.opened import BUCKET, Store

from clary.core.errors import ApiError
from clary.store.objects.conditions import Writing

_PIECES = [
    "..", ".", "/", "//", "\\", "\0", "#", "?", "%2e%2e", "%00", "+", " ", "\n", "\r", "\t", "~", "*",
    "<&>", "'", '"', "é", "e\u0301", "\u202e", "\U0001f600", "\ufeff", "\uffff", "con", "a", "A", "$(id)",
    ";", "|", "\x7f",
]  # fmt: skip


def _nasty(count: int) -> list[str]:
    chosen = random.Random(2026)  # noqa: S311  # spellings, not secrets
    keys = {"/".join(pair) for pair in itertools.product(_PIECES, _PIECES)}
    while len(keys) < count:
        keys.add("".join(chosen.choices(_PIECES, k=chosen.randint(1, 9))))
    return sorted(keys)[:count]


def test_two_thousand_nasty_keys_are_kept_apart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keys = _nasty(2000)
    with store.database.write():
        for key in keys:
            store.objects.put(BUCKET, key, key.encode())
    for key in keys:
        assert store.objects.get(BUCKET, key).path.read_bytes() == key.encode()
    assert [info.key for info in store.objects.each(BUCKET)] == sorted(keys, key=str.encode)
    assert all(len(name) == 32 and name.isalnum() for name in store.files())
    assert {path.name for path in tmp_path.iterdir()} <= {
        "clary.db",
        "clary.db-wal",
        "clary.db-shm",
        "objects",
    }
    store.objects.delete_many(BUCKET, [(key, None, Writing()) for key in keys])
    assert list(store.objects.each(BUCKET)) == []


def test_a_key_has_up_to_1024_bytes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.put(BUCKET, "é" * 512, b"")
    with pytest.raises(ApiError) as caught:
        store.objects.put(BUCKET, "é" * 512 + "x", b"")
    assert caught.value.code == "KeyTooLongError"


@pytest.mark.parametrize("key", ["", "\ud800"])
def test_what_is_no_key_is_refused(tmp_path: Path, key: str) -> None:
    store = Store(tmp_path)
    with pytest.raises(ApiError):
        store.objects.put(BUCKET, key, b"")
    assert store.staged() == []
