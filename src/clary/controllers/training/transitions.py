"""The secondary status of a training job and its history, as DescribeTrainingJob tells it."""

from __future__ import annotations

from datetime import datetime

from clary.core.document import Document

COURSE = ("Restarting", "Starting", "Downloading", "Training", "Uploading")

# What the SDKs print beside each status: evidence/secondary-status.md
MESSAGES = {
    "Starting": "Starting the training job",
    "Restarting": "Restarting the training job",
    "Interrupted": "Training job interrupted: its spot capacity was taken back",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
}


def enter(doc: Document, status: str, at: datetime, *, note: str = "") -> Document:
    """Return the members that say `doc`'s job is in `status` since `at`; none when it said so already."""
    message = f"{MESSAGES[status]} ({note})" if note else MESSAGES[status]
    past = history(doc)
    last = past[-1]
    if last["Status"] == status:
        if "SecondaryStatusTransitions" in doc and last["StatusMessage"] == message:
            return {}
        past[-1] = {**last, "StatusMessage": message}
    else:
        at = max(at, last["StartTime"])
        past[-1] = {**last, "EndTime": at}
        past.append({"Status": status, "StartTime": at, "StatusMessage": message})
    return {"SecondaryStatus": status, "SecondaryStatusTransitions": past}


def follow(
    doc: Document, status: str, times: dict[str, datetime], now: datetime, *, note: str = ""
) -> Document:
    """Enter `status`, and on the way every status of the course between: no look comes too late to tell."""
    write: Document = {}
    here = history(doc)[-1]["Status"]
    if here in COURSE and status in COURSE:
        for between in COURSE[COURSE.index(here) + 1 : COURSE.index(status)]:
            write |= enter({**doc, **write}, between, times.get(between, now))
    return write | enter({**doc, **write}, status, times.get(status, now), note=note)


def close(doc: Document, status: str, at: datetime, *, note: str = "") -> Document:
    """Enter a final status, which begins and ends at once."""
    write = enter(doc, status, at, note=note)
    past = history({**doc, **write})
    past[-1] = {**past[-1], "EndTime": past[-1]["StartTime"]}
    return {"SecondaryStatus": status, "SecondaryStatusTransitions": past}


def history(doc: Document) -> list[Document]:
    """Return the transitions so far; a job nobody has looked at yet is starting since it was created."""
    past: list[Document] = doc.get("SecondaryStatusTransitions") or [
        {"Status": "Starting", "StartTime": doc["CreationTime"], "StatusMessage": MESSAGES["Starting"]}
    ]
    return list(past)
