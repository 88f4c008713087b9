"""Putting, replacing, adopting, copying, deleting: what is promised of each."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from tests.store.objects.opened import ACCOUNT, BUCKET, NOON, REGION, Store

from clary.core.body import StagedBody
from clary.core.errors import ApiError
from clary.store.objects import NoSuchBucket, NoSuchKey
from clary.store.objects.conditions import Writing


def test_what_was_put_is_got(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.put(BUCKET, "k", b"hello", {"ContentType": "text/plain", "Metadata": {"a": "b"}})
    info = store.objects.get(BUCKET, "k")
    assert info.path.read_bytes() == b"hello"
    assert (info.size, info.etag) == (5, "5d41402abc4b2a76b9719d911017c592")
    assert info.attributes == {"ContentType": "text/plain", "Metadata": {"a": "b"}}
    assert info.modified == NOON
    assert info.checksum is not None and info.checksum.algorithm == "CRC64NVME"
    assert stat.S_IMODE(info.path.stat().st_mode) == 0o444


def test_a_staged_body_is_taken_from_the_staging_directory(tmp_path: Path) -> None:
    store = Store(tmp_path)
    staged = store.objects.staging / "body"
    staged.write_bytes(b"hello")
    info = store.objects.put(BUCKET, "k", StagedBody(path=staged, size=5))
    assert info.path.read_bytes() == b"hello"
    assert store.staged() == []


def test_a_replaced_object_stays_readable_until_its_grace_is_over(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old = store.objects.put(BUCKET, "k", b"old")
    with old.path.open("rb") as reader:
        linked = tmp_path / "linked"
        os.link(old.path, linked)
        store.objects.put(BUCKET, "k", b"new")
        store.clock.at += timedelta(seconds=59)
        store.objects.sweep()
        assert old.path.read_bytes() == b"old"
        store.clock.at += timedelta(seconds=2)
        store.objects.sweep()
        assert not old.path.exists()
        assert reader.read() == b"old"
    assert linked.read_bytes() == b"old"
    assert store.files() == store.named()


def test_a_refused_body_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.put(BUCKET, "k", b"old")
    before = store.files()
    for arguments in (
        {"content_md5": "1B2M2Y8AsgTpgAmY7PhCfg=="},
        {"claims": {"CRC32": "AAAAAA=="}},
        {"conditions": Writing(if_none_match="*")},
    ):
        with pytest.raises(ApiError):
            store.objects.put(BUCKET, "k", b"new", **arguments)
    with pytest.raises(NoSuchBucket):
        store.objects.put("no-such-bucket", "k", b"new")
    assert store.files() == before
    assert store.staged() == []
    assert store.objects.get(BUCKET, "k").path.read_bytes() == b"old"


def test_of_many_conditional_puts_at_once_one_wins(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def put(number: int) -> bool:
        try:
            store.objects.put(BUCKET, "k", b"%d" % number, conditions=Writing(if_none_match="*"))
        except ApiError as error:
            assert error.code == "PreconditionFailed"
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, range(24))) == 1
    assert store.files() == store.named()


def test_an_adopted_file_is_gone_and_is_the_object(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = tmp_path / "model.tar.gz"
    made.write_bytes(b"weights")
    inode = made.stat().st_ino
    info = store.objects.adopt(BUCKET, "out/model.tar.gz", made, content_type="application/gzip")
    assert not made.exists()
    assert info.path.stat().st_ino == inode, "it was not copied"
    assert (info.size, info.attributes) == (7, {"ContentType": "application/gzip"})
    assert store.objects.adopt(BUCKET, "out/model.tar.gz", made) == info


def test_what_is_no_file_is_not_adopted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(FileNotFoundError):
        store.objects.adopt(BUCKET, "k", tmp_path / "absent")
    (tmp_path / "link").symlink_to(tmp_path / "clary.db")
    with pytest.raises(ValueError, match="symbolic link"):
        store.objects.adopt(BUCKET, "k", tmp_path / "link")


def test_a_copy_shares_bytes_and_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    source = store.objects.put(BUCKET, "a", b"hello")
    copy = store.objects.copy(source, BUCKET, "b", {"ContentType": "x/y"})
    assert (copy.etag, copy.size, copy.attributes) == (source.etag, 5, {"ContentType": "x/y"})
    store.objects.delete(BUCKET, "a")
    store.age()
    store.objects.sweep()
    assert copy.path.read_bytes() == b"hello"
    assert not source.path.exists()


def test_deleting_says_whether_there_was_something(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.put(BUCKET, "k", b"")
    assert store.objects.delete(BUCKET, "k").existed is True
    assert store.objects.delete(BUCKET, "k").existed is False
    with pytest.raises(NoSuchKey):
        store.objects.get(BUCKET, "k")


def test_a_bucket_with_objects_is_not_deleted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.put(BUCKET, "k", b"")
    with pytest.raises(ApiError) as caught:
        store.objects.delete_bucket(BUCKET)
    assert caught.value.code == "BucketNotEmpty"
    store.objects.delete(BUCKET, "k")
    upload = store.objects.uploads.create(BUCKET, "mp", {})
    store.objects.uploads.put_part(upload, 1, b"x")
    store.objects.delete_bucket(BUCKET)
    assert store.objects.find_bucket(BUCKET) is None
    store.age()
    store.objects.sweep()
    assert store.files() == set(), "an upload's parts go with its bucket"


def test_a_new_bucket_of_an_old_name_is_empty(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.delete_bucket(BUCKET)
    store.objects.create_bucket(BUCKET, ACCOUNT, REGION)
    assert list(store.objects.each(BUCKET)) == []


@pytest.mark.parametrize(
    ("account", "code"), [(ACCOUNT, "BucketAlreadyOwnedByYou"), ("111111111111", "BucketAlreadyExists")]
)
def test_a_taken_bucket_name_says_whose_it_is(tmp_path: Path, account: str, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        Store(tmp_path).objects.create_bucket(BUCKET, account, REGION)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "a" * 64,
        "Upper",
        "under_score",
        "-a-b",
        "a-b-",
        "a..b",
        "1.2.3.4",
        "xn--abc",
        "abc-s3alias",
        "é-é",
        "",
    ],
)
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ApiError) as caught:
        Store(tmp_path).objects.create_bucket(name, ACCOUNT, REGION)
    assert caught.value.code == "InvalidBucketName"
