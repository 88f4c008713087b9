"""What lifecycle rules ask to be removed by now: objects, older versions, markers and uploads left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from clary.core.document import Document
from clary.store.objects.conditions import Writing
from clary.store.objects.model import Bucket, Marker, ObjectInfo
from clary.store.objects.upload_listing import UploadQuery
from clary.store.objects.version_listing import Version, VersionQuery

if TYPE_CHECKING:
    from clary.store.objects.store import Objects

_DAY = timedelta(days=1)
_REASON = "Lifecycle Expiration"


def apply(objects: Objects, now: datetime) -> int:
    """Do what the rules of all buckets ask for; return how much was removed."""
    return sum(
        _apply(objects, bucket, rule, now)
        for bucket in objects.buckets()
        for rule in (bucket.settings.get("Lifecycle") or {}).get("Rules", [])
        if rule["Status"] == "Enabled"
    )


def _apply(objects: Objects, bucket: Bucket, rule: Document, now: datetime) -> int:
    removed = 0
    chosen = _chosen(rule)
    if rule.get("Expiration") or rule.get("NoncurrentVersionExpiration"):
        for history in _histories(objects, bucket, chosen.get("Prefix", "")):
            removed += _expire(objects, bucket, rule, chosen, history, now)
    if days := (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation"):
        query = UploadQuery(prefix=chosen.get("Prefix", ""))
        for upload in objects.uploads_in(bucket.name, query).uploads:
            if _due(upload.initiated, days) <= now:
                objects.uploads.abort(bucket.name, upload.key, upload.id)
                removed += 1
    return removed


def _expire(
    objects: Objects, bucket: Bucket, rule: Document, chosen: Document, history: list[Version], now: datetime
) -> int:
    """Remove what is due of one key's versions, given newest first."""
    newest, older = history[0].item, history[1:]
    removed = 0
    expiration, past = rule.get("Expiration") or {}, rule.get("NoncurrentVersionExpiration") or {}
    if isinstance(newest, ObjectInfo):
        if _fits(newest, chosen) and _expired(newest, expiration, now):
            # Only what was looked at: an object put since then has another ETag or time.
            same = Writing(if_match=newest.etag, modified=newest.modified)
            removed += objects.delete_many(bucket.name, [(newest.key, None, same)], _REASON) != []
    elif not older and expiration.get("ExpiredObjectDeleteMarker"):
        objects.delete(bucket.name, newest.key, version=newest.version, reason=_REASON)
        removed += 1
    if days := past.get("NoncurrentDays"):
        spared = past.get("NewerNoncurrentVersions", 0)
        for number, line in enumerate(older):
            since = history[number].item.modified  # it is noncurrent since the next newer one came
            fits = isinstance(line.item, Marker) or _fits(line.item, chosen)
            if number >= spared and fits and _due(since, days) <= now:
                objects.delete(bucket.name, line.item.key, version=line.item.version, reason=_REASON)
                removed += 1
    return removed


def _histories(objects: Objects, bucket: Bucket, prefix: str) -> Iterator[list[Version]]:
    """Yield the versions of each key, newest first."""
    history: list[Version] = []
    key = version = ""
    while True:
        query = VersionQuery(prefix=prefix, key_marker=key, version_marker=version)
        page = objects.versions_in(bucket.name, query)
        for line in page.versions:
            if history and line.item.key != history[0].item.key:
                yield history
                history = []
            history.append(line)
        if not page.truncated:
            break
        key, version = page.next_key, page.next_version
    if history:
        yield history


def _chosen(rule: Document) -> Document:
    """Return what a rule's filter asks for, in one form."""
    given = rule.get("Filter") or {"Prefix": rule.get("Prefix") or ""}
    chosen = dict(given.get("And") or given)
    chosen["Prefix"] = chosen.get("Prefix") or ""
    chosen["Tags"] = [*chosen.get("Tags", []), *([chosen["Tag"]] if chosen.get("Tag") else [])]
    return chosen


def _fits(info: ObjectInfo, chosen: Document) -> bool:
    tags = info.attributes.get("Tags", [])
    return (
        all(tag in tags for tag in chosen["Tags"])
        and info.size > chosen.get("ObjectSizeGreaterThan", -1)
        and info.size < chosen.get("ObjectSizeLessThan", info.size + 1)
    )


def _expired(info: ObjectInfo, expiration: Document, now: datetime) -> bool:
    if date := expiration.get("Date"):
        return bool(date <= now)
    days = expiration.get("Days")
    return bool(days) and _due(info.modified, int(days or 0)) <= now


def _due(since: datetime, days: int) -> datetime:
    """Return the midnight after so many days, as S3 counts them."""
    midnight = (since + days * _DAY).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + _DAY
