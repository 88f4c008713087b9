"""Small objects survive what their files do not, and callers that commit together do not mix."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.store.objects.opened import BUCKET, Store

from clary.core.errors import ApiError
from clary.store.objects.conditions import Writing
from clary.store.objects.fresh import SMALL, Fresh
from clary.store.objects.tables import FRESH


@pytest.mark.parametrize("left", [None, b"", b"\0" * 5])
def test_a_file_that_a_power_cut_took_is_made_again(tmp_path: Path, left: bytes | None) -> None:
    store = Store(tmp_path)
    path = store.objects.put(BUCKET, "k", b"whole").path
    kept = store.objects.put(BUCKET, "other", b"whole too").path
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    store = Store(tmp_path)
    assert path.read_bytes() == b"whole"
    assert kept.read_bytes() == b"whole too"
    assert path.stat().st_mode & 0o777 == 0o444
    assert store.staged() == []
    assert _waiting(store) == 0


def test_what_is_settled_is_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(1100):
        store.objects.put(BUCKET, f"k{number}", b"x")
    assert _waiting(store) > 0
    Fresh(store.database, store.objects._place.content).settle()  # what a timer does
    assert _waiting(store) == 0
    assert store.objects.get(BUCKET, "k1099").path.read_bytes() == b"x"


def test_a_body_may_be_as_large_as_it_likes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for size in (0, 1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL):
        info = store.objects.put(BUCKET, "k", b"x" * size)
        assert info.path.read_bytes() == b"x" * size
        assert store.objects.get(BUCKET, "k") == info


def test_callers_that_come_together_are_answered_apart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.put(BUCKET, "taken", b"")

    def put(number: int) -> str:
        key = "taken" if number % 3 == 0 else f"k{number}"
        try:
            body = b"%d" % number
            return store.objects.put(BUCKET, key, body, conditions=Writing(if_none_match="*")).etag
        except ApiError as error:
            return error.code

    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(put, range(300)))
    for number, answer in enumerate(told):
        if number % 3 == 0:
            assert answer == "PreconditionFailed"
        else:
            info = store.objects.get(BUCKET, f"k{number}")
            assert (info.path.read_bytes(), info.etag) == (b"%d" % number, answer)
    assert store.files() == store.named()


def test_a_put_within_a_transaction_is_part_of_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(KeyError), store.database.write():
        store.objects.put(BUCKET, "k", b"x")
        assert store.objects.get(BUCKET, "k").size == 1
        raise KeyError
    assert store.objects.find(BUCKET, "k") is None


def _waiting(store: Store) -> int:
    with store.database.read() as connection:
        return connection.execute(select(func.count()).select_from(FRESH)).scalar_one()
