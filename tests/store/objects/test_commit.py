"""Writes that are committed together: one wait for the disk, and each its own end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from clary.store.database import Database
from clary.store.objects.commit import Committer, Pending


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "clary.db")
    with made.write() as connection:
        connection.execute(text("CREATE TABLE written (word TEXT)"))
    yield made
    made.close()


def words(database: Database) -> list[str]:
    with database.read() as connection:
        return sorted(connection.scalars(text("SELECT word FROM written")))


def test_a_write_that_breaks_takes_no_other_along(database: Database) -> None:
    """Six writes wait behind one that holds the thread, so that all of them are one batch."""
    committer = Committer(database)
    held, told = threading.Event(), threading.Semaphore(0)

    def hold(_connection: Connection) -> None:
        held.wait(90)

    def write(word: str) -> Pending[None]:
        def work(connection: Connection) -> None:
            connection.execute(text("INSERT INTO written VALUES (:word)"), {"word": word})
            if word == "broken":
                raise OverflowError("too large")

        return Pending(work, lambda _: told.release())

    committer.submit(Pending(hold, lambda _: told.release()))
    batch = {word: write(word) for word in ("a", "broken", "b", "c", "d", "e")}
    for pending in batch.values():
        committer.submit(pending)
    held.set()
    for _ in range(1 + len(batch)):
        assert told.acquire(timeout=90)
    with pytest.raises(OverflowError, match="too large"):
        batch.pop("broken").result()
    for pending in batch.values():
        pending.result()
    assert words(database) == ["a", "b", "c", "d", "e"]
    committer.close()
