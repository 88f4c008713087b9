"""Log streams: one a container, by name or by what was written last."""

from __future__ import annotations

import base64
import binascii
import json

from clary.core.document import Document
from clary.operations.logs.names import group_arn, group_name, refused
from clary.operations.registry import Call, operation
from clary.store.logs import Stream

PAGE = 50


@operation("logs", "CreateLogStream")
def create(call: Call) -> None:
    """Create a stream in a group that is there."""
    place = (call.request["logGroupName"], call.request["logStreamName"])
    call.logs.create_stream(call.account, call.region, *place)


@operation("logs", "DeleteLogStream")
def delete(call: Call) -> None:
    """Delete a stream with its events."""
    place = (call.request["logGroupName"], call.request["logStreamName"])
    call.logs.delete_stream(call.account, call.region, *place)


@operation("logs", "DescribeLogStreams", level="conforms")
def page(call: Call) -> Document:
    """Answer a group's streams, by name or by their last event."""
    request = call.request
    by_time = request.get("orderBy", "LogStreamName") == "LastEventTime"
    prefix = request.get("logStreamNamePrefix", "")
    if by_time and prefix:
        raise refused("Cannot order by LastEventTime with a logStreamNamePrefix.")
    group, limit = group_name(call), request.get("limit", PAGE)
    streams = call.logs.streams(
        call.account,
        call.region,
        group,
        prefix=prefix,
        by_time=by_time,
        descending=request.get("descending", False),
        after=_position(request.get("nextToken")),
        limit=limit + 1,
    )
    answer: Document = {"logStreams": [_stream(call, group, stream) for stream in streams[:limit]]}
    if len(streams) > limit:
        answer["nextToken"] = _token(streams[limit - 1])
    return answer


def _stream(call: Call, group: str, stream: Stream) -> Document:
    told: Document = {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "firstEventTimestamp": stream.first_event,
        "lastEventTimestamp": stream.last_event,
        "lastIngestionTime": stream.last_ingestion,
        "arn": f"{group_arn(call, group)}:log-stream:{stream.name}",
        "storedBytes": 0,  # AWS answers 0 for every stream since 2019.
    }
    return {member: value for member, value in told.items() if value is not None}


def _token(last: Stream) -> str:
    active = last.created if last.last_event is None else last.last_event
    return base64.urlsafe_b64encode(json.dumps([active, last.name]).encode()).decode()


def _position(token: str | None) -> tuple[int, str] | None:
    if token is None:
        return None
    try:
        active, name = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError) as error:
        raise refused("The specified nextToken is invalid.") from error
    return int(active), str(name)
