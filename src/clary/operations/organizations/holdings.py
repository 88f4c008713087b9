"""What an account holds, in whatever region: counted before it is closed, destroyed when it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from clary.operations import bootstrap
from clary.operations.organizations.create_account import ACCESS_ROLE
from clary.operations.registry import Call
from clary.resources import registry
from clary.resources.iam.access_key import ACCESS_KEY
from clary.resources.iam.role import ROLE
from clary.resources.iam.user import USER
from clary.resources.organizations.account import ACCOUNT
from clary.resources.spec import Resource
from clary.resources.sqs.queue import QUEUE
from clary.store import census
from clary.store.objects.conditions import Writing
from clary.store.objects.store import Doomed
from clary.store.objects.version_listing import VersionQuery
from clary.store.queues import messages
from clary.store.records import Record, Records

_BORN_WITH = {
    USER.kind: {bootstrap.ADMINISTRATOR},
    ROLE.kind: {bootstrap.EXECUTION_ROLE, ACCESS_ROLE},
}


def held(call: Call, account: str) -> Counter[str]:
    """Count what an account holds beyond what it was made with, by kind."""
    found: Counter[str] = Counter()
    for resource, records in _places(call, account):
        if resource.service == "iam":
            count = sum(not _born_with(record) for record in records.each(resource))
        else:
            count = census.count(records, resource)
        if count:
            found[f"{resource.service} {resource.kind}"] += count
    for bucket in call.objects.buckets(account):
        born = bucket.name == bootstrap.default_bucket(account, bucket.region)
        if not born or _versions(call, bucket.name):
            found["s3 Bucket"] += 1
    if groups := census.log_groups(call.records.database, account):
        found["logs LogGroup"] = groups
    return found


def destroy(call: Call, account: str) -> None:
    """Delete everything of an account but the record of itself. Who could make more is deleted first."""
    places = sorted(_places(call, account), key=lambda place: place[0].service != "iam")
    for resource, records in places:
        for record in records.each(resource):
            with records.database.write() as connection:
                current = records.find(resource, record.key)
                if current is not None:
                    records.delete(current)
                    if resource is QUEUE:
                        messages.clear(connection, current.uid)
    for bucket in call.objects.buckets(account):
        while doomed := _versions(call, bucket.name):
            call.objects.delete_many(bucket.name, doomed)
        call.objects.delete_bucket(bucket.name)
    census.forget(call.records.database, account)
    call.metrics.destroy(account)  # Nobody can delete a metric, so they do not count as held.


def _places(call: Call, account: str) -> Iterator[tuple[Resource, Records]]:
    for service, kind, region in census.places(call.records.database, account):
        resource = registry.load().get((service, kind))
        if resource is not None and resource is not ACCOUNT:
            yield resource, call.records.scoped(account, region)


def _born_with(record: Record) -> bool:
    if record.kind == ACCESS_KEY.kind:
        return bool(record.doc["UserName"] == bootstrap.ADMINISTRATOR)
    return record.name in _BORN_WITH.get(record.kind, ())


def _versions(call: Call, bucket: str) -> list[Doomed]:
    """Return some of what a bucket holds, delete markers included, as what is to be deleted."""
    listing = call.objects.versions_in(bucket, VersionQuery())
    return [(one.item.key, one.item.version, Writing()) for one in listing.versions]
