"""Schedule groups: made, described, listed, tagged, deleted with all that is in them."""

from __future__ import annotations

from clary.core.arn import Arn
from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.core.tags import listed, retagged, tags_of
from clary.operations.computed_list import cut
from clary.operations.registry import Call, operation
from clary.resources.scheduler.schedule import DEFAULT, SCHEDULE, SCHEDULE_GROUP
from clary.store.record import Record

MOST = 500  # groups of an account: evidence/event-schedules.md
_PAGE = 100
_TAGS = 50


@operation("scheduler", "CreateScheduleGroup")
def create(call: Call) -> Document:
    """Make a group; asking twice with one token makes one."""
    request = call.request
    if request["Name"] == DEFAULT:
        raise exists("group", DEFAULT)
    with call.records.database.write():
        old = call.records.find(SCHEDULE_GROUP, request["Name"])
        if old is not None and _same_token(old, request):
            return {"ScheduleGroupArn": old.arn}
        if sum(1 for _ in call.records.each(SCHEDULE_GROUP)) >= MOST:
            raise ApiError(
                f"The account has {MOST} schedule groups, as many as it may; delete one first.",
                code="ServiceQuotaExceededException",
                status=402,
            )
        doc = {"Name": request["Name"], "Tags": listed(tags_of(request.get("Tags")))}
        record = call.records.create(SCHEDULE_GROUP, doc | {"_Token": request.get("ClientToken", "")})
    return {"ScheduleGroupArn": record.arn}


@operation("scheduler", "GetScheduleGroup")
def get(call: Call) -> Document:
    """Answer a group."""
    return _told(call, group_of(call, call.request["Name"]), call.request["Name"])


@operation("scheduler", "ListScheduleGroups")
def page(call: Call) -> Document:
    """Answer the account's groups by name."""
    prefix = call.request.get("NamePrefix", "")
    every: dict[str, Record | None] = {
        DEFAULT: None,
        **{r.name: r for r in call.records.each(SCHEDULE_GROUP)},
    }
    found = ((name, _told(call, record, name)) for name, record in every.items() if name.startswith(prefix))
    groups, more = cut(call, found, call.request.get("MaxResults", _PAGE), call.request.get("NextToken"))
    return {"ScheduleGroups": groups} | ({"NextToken": more} if more else {})


@operation("scheduler", "DeleteScheduleGroup")
def delete(call: Call) -> None:
    """Delete a group and every schedule in it."""
    name = call.request["Name"]
    with call.records.database.write():
        record = group_of(call, name)
        if record is None:
            raise ValidationError("The default schedule group cannot be deleted.")
        for schedule in list(call.records.each(SCHEDULE, under=name)):
            call.records.delete(schedule)
        call.records.delete(record)


@operation("scheduler", "TagResource")
def tag(call: Call) -> None:
    """Add tags to a group, or replace their values."""
    with call.records.database.write():
        record = _tagged(call)
        tags = retagged(record.doc.get("Tags"), call.request["Tags"])
        if len(tags) > _TAGS:
            raise ValidationError(f"{record.arn} would have {len(tags)} tags; it may have {_TAGS}.")
        call.records.update(record, {"Tags": listed(tags)}, touch=False)


@operation("scheduler", "UntagResource")
def untag(call: Call) -> None:
    """Take tags off a group."""
    with call.records.database.write():
        record = _tagged(call)
        tags = retagged(record.doc.get("Tags"), gone=set(call.request["TagKeys"]))
        call.records.update(record, {"Tags": listed(tags)}, touch=False)


@operation("scheduler", "ListTagsForResource")
def tags(call: Call) -> Document:
    """Answer a group's tags."""
    return {"Tags": listed(tags_of(_tagged(call).doc.get("Tags")))}


def group_of(call: Call, name: str) -> Record | None:
    """Return a group, None for the default one; an absent one raises."""
    if name == DEFAULT:
        return None
    return call.records.get(SCHEDULE_GROUP, {"Name": name})


def exists(what: str, name: str) -> ApiError:
    """Return the refusal of a name that is taken."""
    return ApiError(f"Schedule {what} {name} already exists.", code="ConflictException", status=409)


def _same_token(record: Record, request: Document) -> bool:
    token = request.get("ClientToken")
    return bool(token) and record.doc.get("_Token") == token


def _told(call: Call, record: Record | None, name: str) -> Document:
    arn = str(Arn("scheduler", call.region, call.account, f"schedule-group/{name}"))
    told: Document = {"Name": name, "Arn": arn, "State": "ACTIVE"}
    if record is not None:
        told |= {"CreationDate": record.created, "LastModificationDate": record.modified}
    return told


def _tagged(call: Call) -> Record:
    arn = call.request["ResourceArn"]
    record = call.records.by_arn(arn)
    if record is None or record.kind != SCHEDULE_GROUP.kind or record.account != call.account:
        words = f"Schedule group {arn} does not exist, or is the default one, which has no tags."
        raise ApiError(words, code="ResourceNotFoundException", status=404)
    return record
