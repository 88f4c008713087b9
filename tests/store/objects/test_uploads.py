"""Multipart uploads: what they become, what they refuse, and that they end once."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.store.objects.opened import BUCKET, Store

from clary.core.errors import ApiError
from clary.store.objects import checksums
from clary.store.objects.completion import Demand
from clary.store.objects.conditions import Writing
from clary.store.objects.model import Chosen, Part, Upload
from clary.store.objects.upload_listing import UploadQuery

BIG = 5 << 20


@pytest.mark.parametrize("sizes", [(3,), (BIG, 1), (BIG, BIG + 1, 0)])
def test_the_parts_become_one_object(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    store = Store(tmp_path)
    upload = store.objects.uploads.create(BUCKET, "k", {"ContentType": "x/y"})
    bodies = [bytes([number]) * size for number, size in enumerate(sizes)]
    parts = [_put(store, upload, 3 * number + 1, body) for number, body in enumerate(bodies)]
    done = store.objects.complete(BUCKET, "k", upload.id, _all(parts))
    info = store.objects.get(BUCKET, "k")
    whole = b"".join(bodies)
    assert info.path.read_bytes() == whole
    md5s = b"".join(hashlib.md5(body, usedforsecurity=False).digest() for body in bodies)
    assert done.etag == info.etag == f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(sizes)}"
    assert info.checksum is not None
    crc = checksums.of_bytes(whole, ["CRC64NVME"])["crc64nvme"]
    assert (info.checksum.value, info.checksum.kind) == (checksums.encode(crc), "FULL_OBJECT")
    assert [part.size for part in info.parts] == list(sizes)
    assert info.attributes == {"ContentType": "x/y"}
    assert store.objects.uploads_in(BUCKET, UploadQuery()).uploads == []
    store.age()
    store.objects.sweep()
    assert store.files() == store.named()


def test_a_composite_checksum_is_made_of_the_parts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    upload = store.objects.uploads.create(BUCKET, "k", {}, algorithm="SHA256")
    bodies = [b"a" * BIG, b"b"]
    parts = [_put(store, upload, number, body) for number, body in enumerate(bodies, 1)]
    chosen = [
        Chosen(number=part.number, etag=part.etag, checksums={"SHA256": checksums.encode(part.digest)})
        for part in parts
    ]
    with pytest.raises(ApiError) as caught:
        store.objects.complete(BUCKET, "k", upload.id, _all(parts))
    assert "must include the checksum" in caught.value.message
    done = store.objects.complete(BUCKET, "k", upload.id, chosen)
    expected = checksums.composite("SHA256", [hashlib.sha256(body).digest() for body in bodies])
    assert done.checksum is not None
    assert (done.checksum.value, done.checksum.kind) == (expected, "COMPOSITE")


def test_completing_again_answers_the_same_and_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    upload = store.objects.uploads.create(BUCKET, "k", {})
    parts = [_put(store, upload, 1, b"first")]
    done = store.objects.complete(BUCKET, "k", upload.id, _all(parts))
    store.objects.put(BUCKET, "k", b"later")
    assert store.objects.complete(BUCKET, "k", upload.id, _all(parts)) == done
    assert store.objects.get(BUCKET, "k").path.read_bytes() == b"later"


def test_many_completions_at_once_make_one_object(tmp_path: Path) -> None:
    store = Store(tmp_path)
    upload = store.objects.uploads.create(BUCKET, "k", {})
    parts = [_put(store, upload, 1, b"a" * BIG), _put(store, upload, 2, b"b")]

    def complete(_: int) -> str:
        return store.objects.complete(BUCKET, "k", upload.id, _all(parts)).etag

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(complete, range(6)))) == 1
    store.age()
    store.objects.sweep()
    assert store.files() == store.named()


def test_a_part_put_again_replaces_the_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    upload = store.objects.uploads.create(BUCKET, "k", {})
    old, new = _put(store, upload, 1, b"old"), _put(store, upload, 1, b"new")
    with pytest.raises(ApiError) as caught:
        store.objects.complete(BUCKET, "k", upload.id, _all([old]))
    assert caught.value.code == "InvalidPart"
    store.objects.complete(BUCKET, "k", upload.id, _all([new]))
    assert store.objects.get(BUCKET, "k").path.read_bytes() == b"new"


def test_an_aborted_upload_is_gone_with_its_parts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    upload = store.objects.uploads.create(BUCKET, "k", {})
    part = _put(store, upload, 1, b"x")
    store.objects.uploads.abort(BUCKET, "k", upload.id)
    for act in (
        lambda: store.objects.uploads.abort(BUCKET, "k", upload.id),
        lambda: _put(store, upload, 2, b"y"),
        lambda: store.objects.complete(BUCKET, "k", upload.id, _all([part])),
    ):
        with pytest.raises(ApiError) as caught:
            act()
        assert caught.value.code == "NoSuchUpload"
    store.age()
    store.objects.sweep()
    assert store.files() == set()


def test_what_cannot_be_completed_is_refused_and_can_be_mended(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.put(BUCKET, "k", b"there")
    upload = store.objects.uploads.create(BUCKET, "k", {})
    one, two = _put(store, upload, 1, b"small"), _put(store, upload, 2, b"b")
    for chosen, demand, conditions, code in (
        ([], Demand(), Writing(), "MalformedXML"),
        (_all([two, one]), Demand(), Writing(), "InvalidPartOrder"),
        (_all([one, one]), Demand(), Writing(), "InvalidPartOrder"),
        (_all([one, two]), Demand(), Writing(), "EntityTooSmall"),
        ([Chosen(number=3, etag=one.etag)], Demand(), Writing(), "InvalidPart"),
        ([Chosen(number=1, etag=two.etag)], Demand(), Writing(), "InvalidPart"),
        (_all([one]), Demand(size=4), Writing(), "InvalidRequest"),
        (_all([one]), Demand(checksum=("CRC64NVME", "AAAAAAAAAAA=")), Writing(), "BadDigest"),
        (_all([one]), Demand(), Writing(if_none_match="*"), "PreconditionFailed"),
    ):
        with pytest.raises(ApiError) as caught:
            store.objects.complete(BUCKET, "k", upload.id, chosen, demand=demand, conditions=conditions)
        assert caught.value.code == code
    store.objects.complete(BUCKET, "k", upload.id, _all([one]), demand=Demand(size=5))
    assert store.objects.get(BUCKET, "k").path.read_bytes() == b"small"


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE"), (None, "COMPOSITE")]
)
def test_a_checksum_type_that_cannot_be_is_refused(tmp_path: Path, algorithm: str | None, kind: str) -> None:
    with pytest.raises(ApiError) as caught:
        Store(tmp_path).objects.uploads.create(BUCKET, "k", {}, algorithm=algorithm, kind=kind)
    assert caught.value.code == "InvalidRequest"


@pytest.mark.parametrize("number", [0, 10_001, -1])
def test_a_part_number_out_of_range_is_refused(tmp_path: Path, number: int) -> None:
    store = Store(tmp_path)
    upload = store.objects.uploads.create(BUCKET, "k", {})
    with pytest.raises(ApiError) as caught:
        _put(store, upload, number, b"")
    assert caught.value.code == "InvalidArgument"


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_uploads_are_listed_by_key_and_rolled_up(tmp_path: Path, limit: int) -> None:
    store = Store(tmp_path)
    made = [store.objects.uploads.create(BUCKET, key, {}) for key in ("b/1", "a", "b/2", "a", "c")]
    found: list[str] = []
    query = UploadQuery(delimiter="/", limit=limit)
    while True:
        page = store.objects.uploads_in(BUCKET, query)
        found += [upload.id for upload in page.uploads] + page.prefixes
        if not page.truncated:
            break
        query = UploadQuery(delimiter="/", limit=limit, key_marker=page.next_key, id_marker=page.next_id)
    same_key = sorted([made[1].id, made[3].id])
    assert sorted(found) == sorted([*same_key, "b/", made[4].id])
    under = store.objects.uploads_in(BUCKET, UploadQuery(prefix="b/"))
    assert [upload.key for upload in under.uploads] == ["b/1", "b/2"]


def _put(store: Store, upload: Upload, number: int, body: bytes) -> Part:
    return store.objects.uploads.put_part(upload, number, body)


def _all(parts: list[Part]) -> list[Chosen]:
    return [Chosen(number=part.number, etag=part.etag) for part in parts]
