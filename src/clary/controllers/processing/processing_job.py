"""The life of a processing job: a plain decision, and the few effects it asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clary.controllers.reasons import VANISHED, clip, failure_reason, never_ended
from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.runtime.spec import Seen
from clary.store.records import Record

DONE = frozenset({"Completed", "Failed", "Stopped"})
STOP_GRACE = timedelta(seconds=120)  # from SIGTERM to SIGKILL, as training jobs have it
KILL_GRACE = timedelta(seconds=30)  # How long the runtime may take to stop, after that; then it is killed.
SOON = timedelta(milliseconds=100)  # Between looks while a run is on its way; its shim's wake comes first.
QUEUED = timedelta(seconds=5)  # Between looks at a run that waits its turn: whoever makes room starts it.
RUNNING = timedelta(seconds=1)  # Between looks at a run: how fresh its log is.
LONGEST_RUN = 86_400  # seconds, where the job names no limit; evidence/processing-container.md


@dataclass(frozen=True, kw_only=True)
class World:
    """What is the case outside the record. It is asked each time, never remembered.

    `fault` says why the run cannot be prepared (mostly the caller's data), `logged` that all its output is in
    the log, `unsaved` that files of a continuous output are to be taken to S3, `broken` since when one host
    has failed while others run.
    """

    run: Seen = field(default_factory=Seen)
    fault: str = ""
    logged: bool = True
    unsaved: bool = False
    broken: datetime | None = None


def next_step(job: Record, world: World, now: datetime) -> Step:
    """Decide what happens to a processing job next."""
    doc, run = job.doc, world.run
    stopping = doc["ProcessingJobStatus"] == "Stopping"
    if doc["ProcessingJobStatus"] in DONE:
        return Step(again=None) if run.phase == "absent" else Step(effect="remove", again=AT_ONCE)
    if run.phase == "exited":
        return Step(effect="save", again=AT_ONCE) if world.unsaved else _settle(doc, world, now)
    if run.phase == "absent":
        return _begin(doc, world, now, stopping=stopping)
    if stopping:
        return Step(effect="kill" if _overdue(job.status_since, now) else "stop", again=RUNNING)
    if world.broken:  # without it the others would wait for ever
        return Step(effect="kill" if _overdue(world.broken, now) else "stop", again=RUNNING)
    return _proceed(doc, world, now)


def _overdue(since: datetime, now: datetime) -> bool:
    return now - since > STOP_GRACE + KILL_GRACE


def _begin(doc: Document, world: World, now: datetime, *, stopping: bool) -> Step:
    if stopping:
        return _finish(doc, "Stopped", world.run, now)
    if "_Started" in doc:
        return _lost(doc, world.run, now)
    if world.fault:
        return _finish(doc, "Failed", world.run, now, FailureReason=clip(world.fault))
    return Step(effect="start", write={"_Started": True}, again=SOON)


def _proceed(doc: Document, world: World, now: datetime) -> Step:
    run = world.run
    if run.started is None:
        return Step(again=QUEUED if run.phase == "queued" else SOON)
    write: Document = {}
    if "ProcessingStartTime" not in doc:
        write["ProcessingStartTime"] = min(run.started, now)
    limit = timedelta(seconds=doc.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", LONGEST_RUN))
    if run.phase == "running" and now - run.started > limit:
        stop = {"ProcessingJobStatus": "Stopping", "_Stop": "MaxRuntimeExceeded"}
        return Step(write={**write, **stop}, again=AT_ONCE)
    again = RUNNING if run.phase == "running" else SOON
    return Step(effect="save" if world.unsaved else "none", write=write, again=again)


def _settle(doc: Document, world: World, now: datetime) -> Step:
    """Settle a run that ended, once its whole log is kept."""
    run = world.run
    if not world.logged:
        return Step(again=AT_ONCE)
    stopping = doc["ProcessingJobStatus"] == "Stopping"
    if never_ended(run) and not stopping:
        return _lost(doc, run, now)
    well = run.exit_code == 0 and not run.failure and "_NotSaved" not in doc
    done = "Stopped" if stopping else "Completed" if well else "Failed"
    members: Document = {}
    if run.message:
        members["ExitMessage"] = run.message
    lost = next(iter(doc.get("_NotSaved", {}).values()), "")
    if done == "Failed":
        members["FailureReason"] = failure_reason(run, lost)
    elif lost:
        members["FailureReason"] = clip(lost)
    return _finish(doc, done, run, now, effect="collect" if run.outputs else "none", **members)


def not_kept(ended: Document, fault: str) -> Document:
    """Return what a job that ended says where one of its outputs could not be kept."""
    status = ended["ProcessingJobStatus"]
    reason = " ".join(filter(None, (ended.get("FailureReason", ""), fault)))
    return {
        "ProcessingJobStatus": "Failed" if status == "Completed" else status,
        "FailureReason": clip(reason),
    }


def _lost(doc: Document, run: Seen, now: datetime) -> Step:
    """Begin a run again that never ran, once; say of one that did that it was lost."""
    attempt = doc.get("_Attempt", 1)
    if attempt == 1 and "ProcessingStartTime" not in doc and run.started is None:
        return Step(effect="remove", write={"_Attempt": 2}, remove=("_Started",), again=AT_ONCE)
    why = run.failure.removeprefix("InternalServerError: ").rstrip(".") or VANISHED
    reason = clip(f"InternalServerError: The run was lost: {why}. Create the job again to repeat it.")
    if run.failure and not run.lost:  # an image that cannot be built, say: its words name its own cure
        reason = failure_reason(run)
    return _finish(doc, "Failed", run, now, FailureReason=reason)


def _finish(
    doc: Document, status: str, run: Seen, now: datetime, *, effect: str = "none", **members: object
) -> Step:
    if status == "Stopped" and doc.get("_Stop") == "MaxRuntimeExceeded":
        limit = doc.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", LONGEST_RUN)
        why = (
            f"MaxRuntimeExceeded: the job ran for longer than its MaxRuntimeInSeconds, {limit} s, and was "
            "stopped. Raise it in StoppingCondition."
        )
        members["FailureReason"] = clip(f"{why} {members.get('FailureReason', '')}".rstrip())
    began = doc.get("ProcessingStartTime") or run.started
    end = min(run.ended or now, now)
    times = {"ProcessingStartTime": began, "ProcessingEndTime": max(end, began)} if began else {}
    write = {"ProcessingJobStatus": status, "ProcessingEndTime": end, **times, **members}
    return Step(effect=effect, write=write, again=AT_ONCE)
