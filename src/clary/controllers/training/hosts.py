"""The hosts of a training job, group by group; `clary.controllers.hosts` says what their runs come to."""

from __future__ import annotations

from clary.controllers.hosts import ONE_GROUP, Host, uids_of
from clary.core.document import Document
from clary.store.records import Record


def hosts_of(doc: Document) -> tuple[Host, ...]:
    """Return every host that a job asks for, group by group."""
    resources = doc["ResourceConfig"]
    groups = resources.get("InstanceGroups") or [{**resources, "InstanceGroupName": ONE_GROUP}]
    each = [group for group in groups for _ in range(group.get("InstanceCount") or 1)]
    return tuple(
        Host(number=number, type=group["InstanceType"], group=group["InstanceGroupName"])
        for number, group in enumerate(each, 1)
    )


def run_uids(job: Record) -> tuple[str, ...]:
    """Name the containers of the job's present attempt, one for each host."""
    return uids_of(job, len(hosts_of(job.doc)))
