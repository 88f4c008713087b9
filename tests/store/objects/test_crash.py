"""A process killed at any step loses no acknowledged object and leaves nothing that the sweep would keep."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.store.objects.opened import BUCKET, Store

from clary.store.objects import NoSuchKey, Objects
from clary.store.objects.fresh import SMALL as SMALL_LIMIT
from clary.store.objects.model import Chosen, ObjectInfo
from clary.store.objects.version_listing import VersionQuery

PART = 5 << 20
SMALL, LARGE = b"new", b"new" * (SMALL_LIMIT // 3 + 1)
STEPS = [
    *((SMALL, step) for step in ("write small", "index", "commit", "committed")),
    *(
        (LARGE, step)
        for step in ("fsync staged", "chmod", "rename", "fsync directory", "index", "commit", "committed")
    ),
]


class DiesAt:
    """A watcher that kills its process at one step."""

    def __init__(self, step: str) -> None:
        self._step = step

    def __call__(self, name: str, /) -> None:
        if name == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("body", "step"), STEPS)
def test_a_put_is_whole_or_never_was(tmp_path: Path, body: bytes, step: str) -> None:
    Store(tmp_path).objects.put(BUCKET, "k", b"old")
    _killed_in(tmp_path, step, lambda objects: objects.put(BUCKET, "k", body))
    store = Store(tmp_path)
    expected = body if step == "committed" else b"old"
    assert store.objects.get(BUCKET, "k").path.read_bytes() == expected
    _nothing_left(store)


@pytest.mark.parametrize(("body", "step"), STEPS)
def test_a_first_put_is_whole_or_never_was(tmp_path: Path, body: bytes, step: str) -> None:
    Store(tmp_path)
    _killed_in(tmp_path, step, lambda objects: objects.put(BUCKET, "k", body))
    store = Store(tmp_path)
    if step == "committed":
        assert store.objects.get(BUCKET, "k").path.read_bytes() == body
    else:
        with pytest.raises(NoSuchKey):
            store.objects.get(BUCKET, "k")
    _nothing_left(store)


@pytest.mark.parametrize(("body", "step"), STEPS)
def test_a_killed_put_neither_loses_nor_doubles_a_version(tmp_path: Path, body: bytes, step: str) -> None:
    store = Store(tmp_path)
    store.objects.configure(BUCKET, {"Versioning": "Enabled"})
    old = store.objects.put(BUCKET, "k", b"old")
    _killed_in(tmp_path, step, lambda objects: objects.put(BUCKET, "k", body))
    store = Store(tmp_path)
    versions = [line.item for line in store.objects.versions_in(BUCKET, VersionQuery()).versions]
    assert [item.version for item in versions][-1] == old.version
    assert len(versions) == (2 if step == "committed" else 1)
    assert store.objects.get(BUCKET, "k", old.version).path.read_bytes() == b"old"
    store.age()
    store.objects.sweep()
    assert store.files() == {item.content for item in versions if isinstance(item, ObjectInfo)}


@pytest.mark.parametrize("step", ["link", "fsync directory", "index", "commit", "committed"])
def test_adopting_again_after_a_crash_gives_the_object(tmp_path: Path, step: str) -> None:
    Store(tmp_path)
    made = tmp_path / "model.tar.gz"
    made.write_bytes(b"weights")
    _killed_in(tmp_path, step, lambda objects: objects.adopt(BUCKET, "k", made))
    store = Store(tmp_path)
    for _ in range(2):
        assert store.objects.adopt(BUCKET, "k", made).path.read_bytes() == b"weights"
        assert not made.exists()
    _nothing_left(store)


@pytest.mark.parametrize("step", ["fsync joined", "chmod", "rename", "fsync directory"])
def test_an_upload_killed_while_completing_can_be_completed(tmp_path: Path, step: str) -> None:
    store = Store(tmp_path)
    upload = store.objects.uploads.create(BUCKET, "k", {})
    parts = [store.objects.uploads.put_part(upload, n, bytes([n]) * PART) for n in (1, 2)]
    chosen = [Chosen(number=part.number, etag=part.etag) for part in parts]
    _killed_in(tmp_path, step, lambda objects: objects.complete(BUCKET, "k", upload.id, chosen))
    store = Store(tmp_path)
    for _ in range(2):
        store.objects.complete(BUCKET, "k", upload.id, chosen)
    assert store.objects.get(BUCKET, "k").path.read_bytes() == b"\1" * PART + b"\2" * PART
    _nothing_left(store)


def test_the_sweep_spares_what_is_young(tmp_path: Path) -> None:
    Store(tmp_path)
    _killed_in(tmp_path, "index", lambda objects: objects.put(BUCKET, "k", b"new"))
    store = Store(tmp_path)
    store.clock.at = datetime.now(UTC)  # files are dated by the machine
    assert len(store.files()) == 1
    assert store.objects.sweep() == 0, "somebody may be about to name it"
    store.age()
    assert store.objects.sweep() == 1
    assert store.files() == set()


def _killed_in(directory: Path, step: str, act: Callable[[Objects], object]) -> None:
    child = os.fork()
    if child == 0:
        try:
            act(Store(directory, DiesAt(step)).objects)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"{step} was never reached"


def _nothing_left(store: Store) -> None:
    store.age()
    store.objects.sweep()
    assert store.files() == store.named()
    assert store.staged() == []
