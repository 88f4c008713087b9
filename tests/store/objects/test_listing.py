"""Listings hold against a model that sorts bytes and rolls up by hand."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from tests.store.objects.opened import BUCKET, Store

from clary.store.objects import Listing

_TEXT = st.text(alphabet=st.sampled_from("ab/-é\U0001f600\x00~ "), min_size=0, max_size=6)
_KEYS = st.sets(_TEXT.filter(bool), max_size=25)


def test_keys_are_listed_in_the_order_of_their_bytes() -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory))

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.sets(st.text(min_size=1, max_size=8).filter(_encodes), max_size=20))
        def run(keys: set[str]) -> None:
            _fill(store, keys)
            listed = [info.key.encode() for info in store.objects.each(BUCKET)]
            assert listed == sorted(key.encode() for key in keys)

        run()


def test_a_page_is_what_the_model_says() -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory))

        @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
        @given(_KEYS, _TEXT, st.sampled_from(["", "/", "a", "/-", "é"]), _TEXT, st.integers(1, 30))
        def run(keys: set[str], prefix: str, delimiter: str, after: str, limit: int) -> None:
            _fill(store, keys)
            page = store.objects.list(BUCKET, prefix, delimiter=delimiter, start_after=after, limit=limit)
            expected = _model(keys, prefix, delimiter, after)
            assert _entries(page) == expected[:limit]
            assert page.truncated == (len(expected) > limit)

        run()


def test_pages_of_any_size_join_up_to_the_whole_listing() -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory))

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(_KEYS, _TEXT, st.sampled_from(["", "/", "a"]), st.integers(1, 4))
        def run(keys: set[str], prefix: str, delimiter: str, limit: int) -> None:
            _fill(store, keys)
            found: list[str] = []
            after, truncated = "", True
            while truncated:
                page = store.objects.list(BUCKET, prefix, delimiter=delimiter, start_after=after, limit=limit)
                found += _entries(page)
                after, truncated = page.next_after, page.truncated
            assert found == _model(keys, prefix, delimiter, "")

        run()


def test_a_common_prefix_is_stepped_over_not_read_through(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.database.write():
        for number in range(400):
            store.objects.put(BUCKET, f"many/{number:05}", b"")
        store.objects.put(BUCKET, "single", b"")
    seen: list[int] = []

    def count(*arguments: object) -> None:
        seen.append(1)

    event.listen(store.database.engine, "before_cursor_execute", count)
    page = store.objects.list(BUCKET, delimiter="/")
    assert (page.prefixes, [info.key for info in page.objects]) == (["many/"], ["single"])
    assert len(seen) <= 4, "the bucket, then a few rows before and after the prefix"


def test_listing_nothing_is_not_truncated(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.put(BUCKET, "k", b"")
    assert store.objects.list(BUCKET, limit=0) == Listing([], [], False, "")


def _encodes(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def _fill(store: Store, keys: set[str]) -> None:
    with store.database.write():
        present = {info.key for info in store.objects.each(BUCKET)}
        for key in present - keys:
            store.objects.delete(BUCKET, key)
        for key in keys - present:
            store.objects.put(BUCKET, key, b"")


def _model(keys: set[str], prefix: str, delimiter: str, after: str) -> list[str]:
    found = set()
    for key in keys:
        if key.startswith(prefix):
            head, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            found.add(prefix + head + delimiter if cut else key)
    rolled = ""
    if delimiter and after.startswith(prefix):
        head, cut, _ = after[len(prefix) :].partition(delimiter)
        rolled = prefix + head + delimiter if cut else ""
    return sorted(
        (name for name in found if name.encode() > after.encode() and name != rolled), key=str.encode
    )


def _entries(page: Listing) -> list[str]:
    return sorted([info.key for info in page.objects] + page.prefixes, key=str.encode)
