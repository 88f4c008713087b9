"""Lifecycle rules remove what is due, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.store.objects.opened import BUCKET, NOON, Store

from clary.core.document import Document
from clary.store.objects.upload_listing import UploadQuery
from clary.store.objects.version_listing import VersionQuery


def _rules(store: Store, *rules: Document, **settings: str) -> None:
    named = [{"ID": "r", "Status": "Enabled", "Filter": {}, **rule} for rule in rules]
    store.objects.configure(BUCKET, {"Lifecycle": {"Rules": named}, **settings})


def _keys(store: Store) -> list[str]:
    return [info.key for info in store.objects.each(BUCKET)]


def test_objects_expire_at_the_midnight_after_their_days(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.objects.put(BUCKET, "logs/a", b"")
    store.objects.put(BUCKET, "kept", b"")
    _rules(store, {"Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 1}})
    store.clock.at = NOON + timedelta(days=1, hours=11)
    store.objects.expire()
    assert _keys(store) == ["kept", "logs/a"]
    store.clock.at = NOON + timedelta(days=1, hours=12)
    assert store.objects.expire() == 1
    assert _keys(store) == ["kept"]


def test_a_filter_asks_for_tags_and_sizes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    tag = {"Key": "t", "Value": "v"}
    store.objects.put(BUCKET, "both", b"12345", {"Tags": [tag]})
    store.objects.put(BUCKET, "small", b"1", {"Tags": [tag]})
    store.objects.put(BUCKET, "untagged", b"12345")
    chosen = {"And": {"Tags": [tag], "ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 10}}
    _rules(store, {"Filter": chosen, "Expiration": {"Date": NOON}})
    store.objects.expire()
    assert _keys(store) == ["small", "untagged"]


def test_older_versions_go_and_some_are_spared(tmp_path: Path) -> None:
    store = Store(tmp_path)
    past = {"NoncurrentDays": 1, "NewerNoncurrentVersions": 1}
    _rules(store, {"NoncurrentVersionExpiration": past}, Versioning="Enabled")
    made = [store.objects.put(BUCKET, "k", b"%d" % number) for number in range(4)]
    store.clock.at = NOON + timedelta(days=3)
    assert store.objects.expire() == 2
    left = store.objects.versions_in(BUCKET, VersionQuery()).versions
    assert [line.item.version for line in left] == [made[3].version, made[2].version]


def test_a_marker_with_nothing_behind_it_goes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    _rules(store, {"Expiration": {"ExpiredObjectDeleteMarker": True}}, Versioning="Enabled")
    store.objects.put(BUCKET, "hidden", b"")
    for key in ("hidden", "nothing"):
        store.objects.delete(BUCKET, key)
    assert store.objects.expire() == 1
    left = store.objects.versions_in(BUCKET, VersionQuery()).versions
    assert {line.item.key for line in left} == {"hidden"}


def test_uploads_left_alone_are_aborted_and_a_disabled_rule_does_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    abort = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}}
    store.objects.uploads.create(BUCKET, "k", {})
    _rules(store, {**abort, "Status": "Disabled"})
    store.clock.at = NOON + timedelta(days=3)
    assert store.objects.expire() == 0
    _rules(store, abort)
    assert store.objects.expire() == 0, "it looks once an hour"
    store.clock.at += timedelta(hours=1)
    assert store.objects.expire() == 1
    assert store.objects.uploads_in(BUCKET, UploadQuery()).uploads == []
