"""Finds and hands over warm pools. The records are the truth; files only say which ones are worth a look.

`run/pools/<uid>` below `CLARY_HOME` names a record whose pool is available. Losing one costs a reuse.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from clary.controllers.means import Means
from clary.controllers.training import warm_pool
from clary.core.errors import Moved
from clary.store.records import Record


def mark(means: Means, record: Record, *, available: bool) -> None:
    """Make a pool findable, or not any more."""
    path = _folder(means) / record.uid
    if available:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch()
    else:
        path.unlink(missing_ok=True)


def find(means: Means, job: Record, now: datetime) -> Record | None:
    """Return a pool that matches a job, first of all the one that it was handed already."""
    there = [record for record in _marked(means, job) if record.uid != job.uid]
    taken = (each for each in there if _taken_by(each) == job.name)
    return next(taken, None) or next((each for each in there if _suits(each, job, now)), None)


def take(means: Means, job: Record, now: datetime) -> None:
    """Hand a matching pool over to a job, one pool however often it is asked."""
    found = find(means, job, now)
    if found and _taken_by(found) != job.name:
        with suppress(Moved):  # somebody else was quicker
            means.records.update(found, warm_pool.handed_over(found.doc, job.name, now), due=None)


def _marked(means: Means, job: Record) -> list[Record]:
    """Return the pools of the job's account and region; marks of those that are over go."""
    found, folder = [], _folder(means)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        record = means.records.by_uid(path.name)
        if record and (warm_pool.status(record.doc) == "Available" or _taken_by(record) == job.name):
            found.append(record)
        else:
            path.unlink(missing_ok=True)
    return [each for each in found if (each.account, each.region) == (job.account, job.region)]


def _suits(found: Record, job: Record, now: datetime) -> bool:
    return (
        warm_pool.status(found.doc) == "Available"
        and not warm_pool.idle(found.doc, now).write
        and warm_pool.matches(found.doc, job.doc)
    )


def _taken_by(found: Record) -> str:
    name: str = found.doc.get("WarmPoolStatus", {}).get("ReusedByJob", "")
    return name


def _folder(means: Means) -> Path:
    return means.settings.home.run / "pools"
