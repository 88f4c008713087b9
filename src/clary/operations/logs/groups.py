"""Log groups: their life, retention and tags."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.logs.metric_filters import count, forget
from clary.operations.logs.names import group_arn, named_by, refused
from clary.operations.registry import Call, operation
from clary.store.logs import Group

PAGE = 50
_RETENTIONS = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731}
_RETENTIONS |= {1096, 1827, 2192, 2557, 2922, 3288, 3653}  # The days PutRetentionPolicy documents.


@operation("logs", "CreateLogGroup")
def create(call: Call) -> None:
    """Create a group."""
    if "kmsKeyId" in call.request:
        raise refused("kmsKeyId is not available here: log groups are not encrypted with a key of yours.")
    if call.request.get("logGroupClass", "STANDARD") != "STANDARD":
        raise refused("Only the log group class STANDARD is available here.")
    if call.request.get("deletionProtectionEnabled"):
        raise refused("deletionProtectionEnabled is not available here.")
    call.logs.create_group(
        call.account, call.region, call.request["logGroupName"], call.request.get("tags", {})
    )


@operation("logs", "DeleteLogGroup", level="conforms")
def delete(call: Call) -> None:
    """Delete a group with its streams and events."""
    with call.records.database.write():
        call.logs.delete_group(call.account, call.region, call.request["logGroupName"])
        forget(call, call.request["logGroupName"])


@operation("logs", "DescribeLogGroups")
def page(call: Call) -> Document:
    """Answer groups by name; those of linked accounts, there being none, are never among them."""
    request = call.request
    prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    if prefix and pattern:
        raise refused("Specify either logGroupNamePrefix or logGroupNamePattern, not both.")
    if request.get("logGroupClass", "STANDARD") != "STANDARD":
        return {"logGroups": []}
    if identifiers := request.get("logGroupIdentifiers"):
        found = [call.logs.group(call.account, call.region, named_by(name)) for name in identifiers]
        return {"logGroups": [_group(call, group) for group in found]}
    limit = request.get("limit", PAGE)
    groups = call.logs.groups(
        call.account,
        call.region,
        prefix=prefix,
        pattern=pattern,
        after=request.get("nextToken"),
        limit=limit + 1,
    )
    answer: Document = {"logGroups": [_group(call, group) for group in groups[:limit]]}
    if len(groups) > limit:
        answer["nextToken"] = groups[limit - 1].name
    return answer


@operation("logs", "ListLogGroups")
def list_groups(call: Call) -> Document:
    """Answer the names of groups; those of linked accounts, there being none, are never among them."""
    request = call.request
    for member in ("dataSources", "fieldIndexNames"):
        if request.get(member):
            raise refused(f"{member} is not available here; leave it out.")
    if request.get("logGroupClass", "STANDARD") != "STANDARD":
        return {"logGroups": []}
    limit, pattern = request.get("limit", PAGE), request.get("logGroupNamePattern", "")
    wanted = {each["key"]: set(each["values"]) for each in request.get("logGroupTags", ())}
    place = (call.account, call.region)
    groups = call.logs.groups(
        *place,
        prefix=pattern[1:] if pattern.startswith("^") else "",
        pattern="" if pattern.startswith("^") else pattern,
        after=request.get("nextToken"),
        limit=limit + 1,
    )
    told = [
        {"logGroupName": g.name, "logGroupArn": group_arn(call, g.name), "logGroupClass": "STANDARD"}
        for g in groups[:limit]
        if all(g.tags.get(key) in values for key, values in wanted.items())
    ]
    return {"logGroups": told} | ({"nextToken": groups[limit - 1].name} if len(groups) > limit else {})


@operation("logs", "TagLogGroup")
def tag_group(call: Call) -> None:
    """Add tags to a group by its name, as older clients do."""
    call.logs.tag(call.account, call.region, call.request["logGroupName"], call.request["tags"])


@operation("logs", "UntagLogGroup")
def untag_group(call: Call) -> None:
    """Take tags from a group by its name, as older clients do."""
    call.logs.tag(call.account, call.region, call.request["logGroupName"], {}, remove=call.request["tags"])


@operation("logs", "ListTagsLogGroup")
def group_tags(call: Call) -> Document:
    """Answer the tags of a group by its name, as older clients ask."""
    return {"tags": dict(call.logs.group(call.account, call.region, call.request["logGroupName"]).tags)}


@operation("logs", "PutRetentionPolicy", level="conforms")
def retain(call: Call) -> None:
    """Keep a group's events for so many days; older ones go at the next write and are not answered before."""
    days = call.request["retentionInDays"]
    if days not in _RETENTIONS:
        raise refused(
            f"retentionInDays is {days}; it must be one of {', '.join(map(str, sorted(_RETENTIONS)))}."
        )
    call.logs.retain(call.account, call.region, call.request["logGroupName"], days)


@operation("logs", "DeleteRetentionPolicy", level="conforms")
def keep(call: Call) -> None:
    """Keep a group's events for ever."""
    call.logs.retain(call.account, call.region, call.request["logGroupName"], None)


@operation("logs", "TagResource", level="conforms")
def tag(call: Call) -> None:
    """Add tags to the group an ARN names."""
    call.logs.tag(call.account, call.region, named_by(call.request["resourceArn"]), call.request["tags"])


@operation("logs", "UntagResource", level="conforms")
def untag(call: Call) -> None:
    """Take tags from the group an ARN names."""
    name = named_by(call.request["resourceArn"])
    call.logs.tag(call.account, call.region, name, {}, remove=call.request["tagKeys"])


@operation("logs", "ListTagsForResource", level="conforms")
def tags(call: Call) -> Document:
    """Answer the tags of the group an ARN names."""
    group = call.logs.group(call.account, call.region, named_by(call.request["resourceArn"]))
    return {"tags": dict(group.tags)}


def _group(call: Call, group: Group) -> Document:
    arn = group_arn(call, group.name)
    told: Document = {
        "logGroupName": group.name,
        "creationTime": group.created,
        "metricFilterCount": count(call, group.name),
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "storedBytes": group.stored_bytes,
        "logGroupClass": "STANDARD",
    }
    return told if group.retention_days is None else {**told, "retentionInDays": group.retention_days}
