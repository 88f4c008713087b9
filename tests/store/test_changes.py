"""One look at the database serves the calls that came before it, and no later one."""

from __future__ import annotations

import time
from pathlib import Path

from tests.databases import opened

from clary.core.clock import SystemClock
from clary.resources.iam.user import USER
from clary.store.changes import Changes, Glance
from clary.store.records import Records


def test_a_look_serves_calls_that_came_before_it_and_no_later_one(tmp_path: Path) -> None:
    database, other = opened(tmp_path / "db"), opened(tmp_path / "db")
    glance, users = Glance(Changes(database)), Records(other, SystemClock()).scoped("000000000000", "")
    early = time.perf_counter()
    glance.look(time.perf_counter())
    seen = glance.generation(USER)
    users.create(USER, {"UserName": "u", "UserId": "AIDA"})
    glance.look(early)  # what came before the look was answered as of then, and may be
    assert glance.generation(USER) == seen
    glance.look(time.perf_counter())
    assert glance.generation(USER) == seen + 1
    database.close()
    other.close()
