"""Where tags are kept: on records, buckets and log groups, each in a form of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from clary.core.arn import parse as parse_arn
from clary.core.errors import ApiError
from clary.core.tags import listed, retagged, tags_of
from clary.operations.registry import Call
from clary.store.logs import Group
from clary.store.tagged import tagged

LIMIT = 50  # Tags a resource may have.
_BATCH = 200
Position = tuple[int, str]
"""Which source, and how far in it."""


@dataclass(frozen=True)
class Tagged:
    """One resource with its tags, and where it stands."""

    position: Position
    arn: str
    tags: Mapping[str, str]


def every(call: Call, after: Position = (0, "")) -> Iterator[Tagged]:
    """Yield the caller's tagged resources behind a position."""
    source, last = after
    if source == 0:
        for number, record in tagged(call.records, int(last or 0)):
            yield Tagged((0, str(number)), record.arn, tags_of(record.doc.get("Tags")))
    if source <= 1:
        for bucket in sorted(call.objects.buckets(call.account), key=lambda each: each.name):
            kept = tags_of(bucket.settings.get("Tags"))
            if kept and bucket.region == call.region and (source < 1 or bucket.name > last):
                yield Tagged((1, bucket.name), f"arn:aws:s3:::{bucket.name}", kept)
    for group in _groups(call):
        if group.tags and (source < 2 or group.name > last):
            arn = f"arn:aws:logs:{call.region}:{call.account}:log-group:{group.name}"
            yield Tagged((2, group.name), arn, group.tags)


def change(call: Call, arn: str, add: Mapping[str, str], remove: Iterable[str]) -> None:
    """Add tags to a resource and take others away."""
    parsed, gone = parse_arn(arn), set(remove)
    if parsed is None:
        raise _unknown(arn)
    if parsed.service == "s3" and "/" not in parsed.resource:
        bucket = call.objects.find_bucket(parsed.resource)
        if bucket is None or bucket.account != call.account:
            raise _unknown(arn)
        told = _changed(arn, bucket.settings.get("Tags"), add, gone)
        call.objects.configure(bucket.name, {"Tags": listed(told)})
        return
    if (parsed.account, parsed.region) != (call.account, call.region):
        raise _unknown(arn)
    if parsed.service == "logs":
        name = parsed.resource.removeprefix("log-group:").removesuffix(":*")
        call.logs.tag(call.account, call.region, name, dict(add), remove=list(gone))
        return
    _change_record(call, arn, add, gone)


def _groups(call: Call) -> Iterator[Group]:
    after: str | None = None
    while page := call.logs.groups(call.account, call.region, after=after, limit=_BATCH):
        yield from page
        after = page[-1].name


def _change_record(call: Call, arn: str, add: Mapping[str, str], gone: set[str]) -> None:
    with call.records.database.write():
        record = call.records.by_arn(arn)
        if record is None:
            raise _unknown(arn)
        kept = record.doc.get("Tags")
        told = _changed(arn, kept, add, gone)
        tags = told if isinstance(kept, dict) else listed(told)
        call.records.update(record, {"Tags": tags}, touch=False)


def _changed(arn: str, kept: object, add: Mapping[str, str], gone: set[str]) -> dict[str, str]:
    told = retagged(kept, add, gone)
    if len(told) > LIMIT:
        raise ApiError(
            f"{arn} would have {len(told)} tags; a resource may have {LIMIT}.",
            code="InvalidParameterException",
            status=400,
        )
    return told


def _unknown(arn: str) -> ApiError:
    return ApiError(
        f"There is no resource {arn} that can be tagged here.", code="InvalidParameterException", status=400
    )
