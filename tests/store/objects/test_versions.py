"""Versions against a model that keeps everything in lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.objects.opened import BUCKET, LATER, Store

from clary.core.errors import ApiError
from clary.store.objects.conditions import Writing
from clary.store.objects.model import Marker
from clary.store.objects.version_listing import VersionQuery

KEYS = ("a", "a/b", "a/c", "b")
STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS)),
    st.tuples(st.just("delete"), st.sampled_from(KEYS)),
    st.tuples(st.just("remove"), st.sampled_from(KEYS), st.integers(0, 5)),
    st.tuples(st.just("status"), st.sampled_from(["Enabled", "Suspended"])),
)


@dataclass
class Model:
    """What a bucket holds, newest first: (version, body), the body None for a marker."""

    status: str | None = None
    held: dict[str, list[tuple[str, bytes | None]]] = field(default_factory=dict)

    def add(self, key: str, version: str, body: bytes | None) -> None:
        """Put an entry on top; one that is called `null` replaces the one of that name."""
        kept = [entry for entry in self.held.get(key, []) if version != "null" or entry[0] != "null"]
        self.held[key] = [(version, body), *kept]

    def lines(self) -> list[tuple[str, str, bool, bool]]:
        """Return what a listing shows: key, version, whether it is a marker, whether it is the latest."""
        return [
            (key, version, body is None, n == 0)
            for key in sorted(self.held)
            for n, (version, body) in enumerate(self.held[key])
        ]


@given(st.lists(STEPS, max_size=30), st.integers(1, 5), st.sampled_from(["", "/"]))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_version_is_where_the_model_has_it(
    steps: list[tuple[str, ...]], limit: int, delimiter: str
) -> None:
    with TemporaryDirectory() as folder:
        store, model = Store(Path(folder)), Model()
        for number, step in zip(count(), steps, strict=False):
            _take(store, model, step, b"%d" % number)
        assert _listed(store, limit, "") == model.lines()
        if delimiter:
            assert {key for key, *_ in _listed(store, limit, "/")} == {
                key if "/" not in key else "a/" for key, held in model.held.items() if held
            }
        for key, held in model.held.items():
            _same(store, key, held)
        store.objects.close()
        store.database.close()


def test_content_goes_with_its_version(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.configure(BUCKET, {"Versioning": "Enabled"})
    first, second = (store.objects.put(BUCKET, "k", body) for body in (b"1", b"2"))
    store.objects.delete(BUCKET, "k")
    store.age()
    store.objects.sweep()
    assert store.files() == {first.content, second.content}
    store.objects.delete(BUCKET, "k", version=first.version)
    store.clock.at += LATER
    store.objects.sweep()
    assert store.files() == {second.content}


def test_a_bucket_with_nothing_but_a_marker_is_not_empty(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.configure(BUCKET, {"Versioning": "Enabled"})
    marker = store.objects.delete(BUCKET, "k")
    with pytest.raises(ApiError) as caught:
        store.objects.delete_bucket(BUCKET)
    assert caught.value.code == "BucketNotEmpty"
    store.objects.delete(BUCKET, "k", version=marker.version)
    store.objects.delete_bucket(BUCKET)


def test_conditions_are_held_against_the_version_that_is_removed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.configure(BUCKET, {"Versioning": "Enabled"})
    first, second = (store.objects.put(BUCKET, "k", body) for body in (b"1", b"2"))
    with pytest.raises(ApiError):
        store.objects.delete(BUCKET, "k", Writing(if_match=second.etag), first.version)
    store.objects.delete(BUCKET, "k", Writing(if_match=first.etag), first.version)


def test_a_clock_that_is_set_back_does_not_reorder_versions(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.configure(BUCKET, {"Versioning": "Enabled"})
    store.objects.put(BUCKET, "k", b"1")
    store.clock.at -= LATER / 100
    newer = store.objects.put(BUCKET, "k", b"2")
    page = store.objects.versions_in(BUCKET, VersionQuery())
    assert page.versions[0].item.version == newer.version


def _take(store: Store, model: Model, step: tuple[str, ...], body: bytes) -> None:
    name, what = step[0], step[1]
    if name == "status":
        store.objects.configure(BUCKET, {"Versioning": what})
        model.status = what
    elif name == "put":
        model.add(what, store.objects.put(BUCKET, what, body).version, body)
    elif name == "delete":
        removal = store.objects.delete(BUCKET, what)
        if model.status is None:
            model.held.pop(what, None)
        else:
            model.add(what, str(removal.version), None)
    elif len(model.held.get(what, [])) > int(step[2]):
        version, content = model.held[what].pop(int(step[2]))
        removal = store.objects.delete(BUCKET, what, version=version)
        assert removal.marker == (content is None)


def _listed(store: Store, limit: int, delimiter: str) -> list[tuple[str, str, bool, bool]]:
    found: list[tuple[str, str, bool, bool]] = []
    key = version = ""
    while True:
        query = VersionQuery(delimiter=delimiter, key_marker=key, version_marker=version, limit=limit)
        page = store.objects.versions_in(BUCKET, query)
        found += [
            (line.item.key, line.item.version, isinstance(line.item, Marker), line.latest)
            for line in page.versions
        ]
        found += [(prefix, "", False, False) for prefix in page.prefixes]
        if not page.truncated:
            return found
        key, version = page.next_key, page.next_version


def _same(store: Store, key: str, held: list[tuple[str, bytes | None]]) -> None:
    present = store.objects.find(BUCKET, key)
    if held and held[0][1] is not None:
        assert present is not None
        assert (present.version, present.path.read_bytes()) == held[0]
    else:
        assert present is None
    for version, body in held:
        if body is None:
            with pytest.raises(ApiError, match="not allowed against"):
                store.objects.get(BUCKET, key, version)
        else:
            assert store.objects.get(BUCKET, key, version).path.read_bytes() == body
