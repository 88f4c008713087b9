"""Ends runs that nobody owns any more, should a deletion and a start ever have crossed."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from clary.controllers.inference import fleet
from clary.controllers.means import Means

log = logging.getLogger(__name__)

AGE = timedelta(minutes=2)  # A younger run may be one whose record is just being written.


def sweep(means: Means, now: datetime) -> int:
    """Remove every run without an owner; return how many there were."""
    orphans = [
        uid for uid, since in means.runtime.runs().items() if now - since > AGE and not owned(means, uid)
    ]
    for uid in orphans:
        log.warning("run %s belongs to no record and is removed", uid)
        means.runtime.remove(uid)
    return len(orphans)


def owned(means: Means, uid: str) -> bool:
    """Say whether a run is one that its record's controller knows of and will look after."""
    record = means.records.by_uid(uid.partition("-")[0])
    if record is None:
        return False
    if "_Fleet" in record.doc:
        return any(uid in fleet.runs_of(host) for host in fleet.members(record.doc))
    return record.due is not None
