"""Several processes on one file: nobody wins twice, and what was acknowledged survives SIGKILL."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from tests.store.opened import job, records

from clary.core.clock import SystemClock
from clary.core.errors import Moved
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.database import Database
from clary.store.migrations import NewerDatabase

_START = multiprocessing.get_context("spawn")


def count_up(directory: Path, times: int, done: Connection) -> None:
    """Add one to a counter so many times, reading again whenever somebody else was first."""
    store = records(directory, SystemClock())
    refused = 0
    while times:
        seen = store.find(TRAINING_JOB, "counter")
        assert seen is not None
        try:
            store.update(seen, {"Count": seen.doc["Count"] + 1})
            times -= 1
        except Moved:
            refused += 1
    done.send(refused)


def claim_all(directory: Path, owner: str, done: Connection) -> None:
    """Claim until nothing is due, and tell what was had."""
    store = records(directory, SystemClock())
    had: list[str] = []
    while found := store.claim([TRAINING_JOB], owner, lease=timedelta(minutes=5), limit=3):
        had += [store.settle(record, owner, {"By": owner}, due=None).key for record in found]
    done.send(had)


def create_for_ever(directory: Path, done: Connection) -> None:
    """Create jobs and tell each name only once it is acknowledged."""
    store = records(directory, SystemClock())
    number = 0
    while True:
        job(store, f"job-{number}")
        done.send(number)
        number += 1


def open_it(directory: Path, done: Connection) -> None:
    """Open a database that may not be there yet."""
    records(directory, SystemClock())
    done.send(True)


def started(
    work: Callable[..., None], *arguments: object
) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    here, there = _START.Pipe(duplex=False)
    process = _START.Process(target=work, args=(*arguments, there))
    process.start()
    there.close()
    return process, here


def drained(pipe: Connection) -> list[int]:
    told: list[int] = []
    while pipe.poll():
        try:
            told.append(pipe.recv())
        except EOFError:
            break
    return told


def test_two_processes_lose_no_update_to_each_other(tmp_path: Path) -> None:
    store = records(tmp_path, SystemClock())
    job(store, "counter", Count=0)
    workers = [started(count_up, tmp_path, 60) for _ in range(2)]
    for process, pipe in workers:
        pipe.recv()
        process.join()
    counter = store.find(TRAINING_JOB, "counter")
    assert counter is not None and counter.doc["Count"] == 120
    assert counter.version == 121


def test_two_processes_never_hold_one_lease(tmp_path: Path) -> None:
    store = records(tmp_path, SystemClock())
    for number in range(40):
        job(store, f"job-{number}")
    workers = [started(claim_all, tmp_path, owner) for owner in ("one", "two")]
    had = [pipe.recv() for _, pipe in workers]
    for process, _ in workers:
        process.join()
    assert sorted(had[0] + had[1]) == sorted(f"job-{number}" for number in range(40))


def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    records(tmp_path, SystemClock()).database.close()
    for _ in range(3):
        process, pipe = started(create_for_ever, tmp_path)
        acknowledged = [pipe.recv() for _ in range(25)]
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        acknowledged += drained(pipe)
        store = records(tmp_path, SystemClock())
        kept = {record.key for record in store.each(TRAINING_JOB)}
        assert {f"job-{number}" for number in acknowledged} <= kept
        assert len(kept) <= len(acknowledged) + 1  # At most the one that was written and not yet told.
        for record in store.each(TRAINING_JOB):
            store.delete(record)
        store.database.close()
        with sqlite3.connect(tmp_path / "clary.db") as plain:
            assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_processes_that_open_a_new_home_at_once_all_get_it(tmp_path: Path) -> None:
    workers = [started(open_it, tmp_path / "home") for _ in range(3)]
    assert [pipe.recv() for _, pipe in workers] == [True] * 3
    for process, _ in workers:
        process.join()


def test_a_database_of_a_newer_release_is_refused_and_left_alone(tmp_path: Path) -> None:
    database = Database(tmp_path / "clary.db")
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO migrations VALUES (9999, 'm9999_later', '2030')")
    database.close()
    with pytest.raises(NewerDatabase, match="newer Clary"):
        Database(tmp_path / "clary.db")
