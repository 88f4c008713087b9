"""Log events: written by programs through PutLogEvents, read and searched by everybody.

Where windows end and what a token at the end is: evidence/log-events.md.
"""

from __future__ import annotations

from datetime import timedelta

from clary.core.document import Document
from clary.engines.logs.pattern import BadPattern, compile_pattern
from clary.operations.logs.names import group_name, refused
from clary.operations.registry import Call, operation
from clary.store.log_reader import MAX_BYTES, MAX_EVENTS, Event, Window
from clary.store.logs import EVENT_OVERHEAD

_FUTURE = timedelta(hours=2)  # What CloudWatch Logs accepts, in PutLogEvents's documentation.
_PAST = timedelta(days=14)
_SPAN = timedelta(hours=24)


@operation("logs", "PutLogEvents", level="conforms")
def put(call: Call) -> Document:
    """Append a batch. Events too far from now are left out and reported, as CloudWatch does."""
    request = call.request
    events = [(int(event["timestamp"]), str(event["message"])) for event in request["logEvents"]]
    times = [time for time, _ in events]
    if times != sorted(times):
        raise refused("Log events in a single PutLogEvents request must be in chronological order.")
    if times[-1] - times[0] > _SPAN / timedelta(milliseconds=1):
        raise refused(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    if sum(len(message.encode()) + EVENT_OVERHEAD for _, message in events) > MAX_BYTES:
        raise refused(f"The batch of log events is larger than {MAX_BYTES} bytes.")
    now = call.clock.now().timestamp() * 1000
    oldest, newest = now - _PAST / timedelta(milliseconds=1), now + _FUTURE / timedelta(milliseconds=1)
    kept = [(time, message) for time, message in events if oldest <= time <= newest]
    place = (call.account, call.region, request["logGroupName"], request["logStreamName"])
    call.logs.require_stream(*place)
    call.logs.put(*place, kept)
    answer: Document = {"nextSequenceToken": call.request_id.replace("-", "")}
    early, late = sum(time < oldest for time in times), sum(time > newest for time in times)
    if early or late:
        told: Document = {"tooOldLogEventEndIndex": early} if early else {}
        answer["rejectedLogEventsInfo"] = told | (
            {"tooNewLogEventStartIndex": len(times) - late} if late else {}
        )
    return answer


@operation("logs", "GetLogEvents", level="conforms")
def read(call: Call) -> Document:
    """Answer a window of one stream; at either end the token that was sent comes back."""
    request = call.request
    window = Window(
        start=request.get("startTime"),
        end=request.get("endTime"),
        token=request.get("nextToken"),
        from_head=request.get("startFromHead", False),
        limit=request.get("limit", MAX_EVENTS),
    )
    found = call.logs.read(call.account, call.region, group_name(call), request["logStreamName"], window)
    return {
        "events": [_event(event) for event in found.events],
        "nextForwardToken": found.forward,
        "nextBackwardToken": found.backward,
    }


@operation("logs", "FilterLogEvents")
def search(call: Call) -> Document:
    """Answer the events of many streams, interleaved by time, whose messages match the pattern."""
    request = call.request
    names, prefix = request.get("logStreamNames", ()), request.get("logStreamNamePrefix", "")
    if names and prefix:
        raise refused("Specify either logStreamNames or logStreamNamePrefix, not both.")
    try:
        test = compile_pattern(request.get("filterPattern", ""))
    except BadPattern as error:
        raise refused(str(error)) from error
    end = request.get("endTime")
    window = Window(
        start=request.get("startTime"),
        end=None if end is None else end + 1,  # Unlike GetLogEvents, the last millisecond belongs to it.
        token=request.get("nextToken"),
        from_head=request.get("startFromHead", True),
        limit=request.get("limit", MAX_EVENTS),
    )
    place = (call.account, call.region, group_name(call))
    found = call.logs.search(*place, window, streams=names, prefix=prefix, test=test)
    answer: Document = {
        "events": [
            {
                **_event(event),
                "logStreamName": event.stream,
                "eventId": f"{event.timestamp:014d}{event.id:042d}",
            }
            for event in found.events
        ],
        "searchedLogStreams": [],  # Empty since AWS stopped filling it; clients still read it.
    }
    if found.forward is not None:
        answer["nextToken"] = found.forward
    return answer


def _event(event: Event) -> Document:
    return {"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingested}
