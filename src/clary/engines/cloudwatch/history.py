"""What an alarm's history says of a change, and what the change leaves to be done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clary.core.document import Document

LONGEST_DATA = 4095
_ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One item of an alarm's history. `key` makes it known should it come twice."""

    key: str
    kind: str
    at: datetime
    summary: str
    data: Document


@dataclass(frozen=True)
class Change:
    """A new state: what is written of it, and what the history says."""

    members: Document
    entry: Entry


def moved(doc: Document, key: str, state: str, reason: str, data: str | None, now: datetime) -> Change:
    """Return the change of an alarm to a state; actions that follow from it wait in `_Pending`."""
    old = doc["StateValue"]
    members: Document = {
        "StateValue": state,
        "StateReason": reason[:1023],
        "StateUpdatedTimestamp": now,
        "StateReasonData": data,
    }
    if old != state:
        members["StateTransitionedTimestamp"] = now
        wanted = doc.get(_ACTIONS[state], []) if doc.get("ActionsEnabled", True) else []
        if wanted:
            pending = {"Key": key, "At": now, "Old": old, "New": state, "Reason": members["StateReason"]}
            pending["Actions"] = list(wanted)
            members["_Pending"] = [*doc.get("_Pending", []), pending]
    told = {"version": "1.0", "oldState": _state(doc), "newState": _state({**doc, **members})}
    summary = f"Alarm updated from {old} to {state}"
    return Change(members, Entry(key=key, kind="StateUpdate", at=now, summary=summary, data=told))


def acted(pending: Mapping[str, Any], action: str, failure: str | None, now: datetime) -> Entry:
    """Return what the history says of one action; `failure` says why it was not done."""
    told: Document = {"actionState": "Failed" if failure else "Succeeded", "notificationResource": action}
    told |= {"stateUpdate": {"oldState": pending["Old"], "newState": pending["New"]}}
    summary = f"Successfully executed action {action}"
    if failure:
        summary, told = f"Failed to execute action {action}. Reason: {failure}", {**told, "error": failure}
    return Entry(key=f"{pending['Key']}/{action}", kind="Action", at=now, summary=summary[:255], data=told)


def configured(key: str, name: str, verb: str, doc: Document, now: datetime) -> Entry:
    """Return what the history says of an alarm that was created, updated or deleted."""
    shown = {member: value for member, value in doc.items() if not member.startswith(("_", "State"))}
    past = {"Create": "created", "Update": "updated", "Delete": "deleted"}[verb]
    told: Document = {"version": "1.0", "type": verb, f"{past}Alarm": shown}
    return Entry(key=key, kind="ConfigurationUpdate", at=now, summary=f'Alarm "{name}" {past}', data=told)


def written(data: Document) -> str:
    """Return an entry's data as the API tells it, no longer than it may be."""
    text = json.dumps(data, default=str, separators=(",", ":"))
    if len(text) <= LONGEST_DATA:
        return text
    return json.dumps({name: value for name, value in data.items() if isinstance(value, str)})


def reason_data(
    *,
    statistic: str,
    period: int,
    threshold: float,
    start: datetime | None,
    points: Sequence[tuple[datetime, float]],
    now: datetime,
) -> str:
    """Return StateReasonData, which says in JSON what a state follows from."""
    told: Document = {"version": "1.0", "queryDate": _stamp(now)}
    if start is not None:
        told["startDate"] = _stamp(start)
    if statistic:
        told["statistic"] = statistic
    told |= {"period": period, "recentDatapoints": [value for _, value in points], "threshold": threshold}
    told["evaluatedDatapoints"] = [{"timestamp": _stamp(at), "value": v} for at, v in reversed(points)]
    text = json.dumps(told, separators=(",", ":"))
    if len(text) > LONGEST_DATA - 95:  # 4,000 is the longest StateReasonData
        del told["evaluatedDatapoints"]
        told["recentDatapoints"] = told["recentDatapoints"][-100:]
        text = json.dumps(told, separators=(",", ":"))
    return text[:4000]


def _state(doc: Document) -> Document:
    told: Document = {"stateValue": doc["StateValue"], "stateReason": doc.get("StateReason", "")}
    if text := doc.get("StateReasonData"):
        try:
            told["stateReasonData"] = json.loads(text)
        except ValueError:
            told["stateReasonData"] = text
    return told


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}+0000"
