"""A write that finds no room on the disk is tried again later, and leaves nothing half-done."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.store.opened import job, records

from clary.core.errors import TryAgain
from clary.resources.training.training_job import TRAINING_JOB


def test_a_full_disk_is_told_and_outlived(tmp_path: Path) -> None:
    store = records(tmp_path)
    job(store, "before")
    with store.database.write() as connection:  # the file may not grow: SQLite's own way of a full disk
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(TryAgain, match="the disk under CLARY_HOME is full; free some space"):
        job(store, "during", Bulk="x" * (1 << 20))
    assert store.find(TRAINING_JOB, "during") is None
    with store.database.write() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count={1 << 20}")
    job(store, "after", Bulk="x" * (1 << 20))
    assert {each.name for each in store.each(TRAINING_JOB)} == {"before", "after"}
