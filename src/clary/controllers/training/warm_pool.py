"""Warm pools: what stays of a job's capacity after its end, until another job takes it or its time is over.

Here that is the warm worker of the job's image, see `clary.runtime.warm`; evidence/warm-pools.md.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from clary.controllers.step import Step
from clary.core.document import Document

NOBODYS_FAULT = ("InternalServerError", "CapacityError")  # after such a failure nothing is retained
MATCHING = ("RoleArn", "VpcConfig")
MATCHING_RESOURCES = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId", "InstanceGroups")
MATCHING_SWITCHES = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption")


def keep_alive(doc: Document) -> timedelta:
    """Return for how long the job's capacity is to be retained."""
    return timedelta(seconds=doc.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds", 0))


def status(doc: Document) -> str:
    """Return the status of the job's pool; nothing when it never had one."""
    found: str = doc.get("WarmPoolStatus", {}).get("Status", "")
    return found


def at_end(doc: Document, reason: str, now: datetime) -> Document:
    """Return what becomes of the pool at the end of the job that uses it."""
    if status(doc) != "InUse":
        return {}
    began = "TrainingStartTime" in doc and not reason.startswith(NOBODYS_FAULT)
    kept = began and keep_alive(doc) > timedelta(0)
    pool = {"Status": "Available" if kept else "Terminated", "ResourceRetainedBillableTimeInSeconds": 0}
    return {"WarmPoolStatus": pool, **({"_PoolSince": now} if kept else {})}


def idle(doc: Document, now: datetime) -> Step:
    """Decide what happens to a job that has ended: only its pool still has a life."""
    if status(doc) != "Available":
        return Step(again=None)
    left = doc["_PoolSince"] + keep_alive(doc) - now
    if left > timedelta(0):
        return Step(again=left)
    return Step(write=_over(doc, now, "Terminated"), again=None)


def handed_over(doc: Document, job: str, now: datetime) -> Document:
    """Return what is written to a pool's record when another job takes it."""
    found = _over(doc, now, "Reused")
    return {"WarmPoolStatus": {**found["WarmPoolStatus"], "ReusedByJob": job}}


def matches(pool: Document, job: Document) -> bool:
    """Tell whether a job may take another's pool: all that shapes the capacity is the same."""
    ours, theirs = job.get("ResourceConfig", {}), pool.get("ResourceConfig", {})
    return (
        all(pool.get(name) == job.get(name) for name in MATCHING)
        and all(theirs.get(name) == ours.get(name) for name in MATCHING_RESOURCES)
        and all(bool(pool.get(name)) == bool(job.get(name)) for name in MATCHING_SWITCHES)
        and not job.get("EnableManagedSpotTraining")
    )


def _over(doc: Document, now: datetime, end: str) -> Document:
    retained = min(now - doc["_PoolSince"], max(keep_alive(doc), timedelta(0)))
    seconds = max(0, math.ceil(retained.total_seconds()))
    return {"WarmPoolStatus": {"Status": end, "ResourceRetainedBillableTimeInSeconds": seconds}}
