"""The life of a training job: a plain decision, and the few effects it asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clary.controllers.reasons import VANISHED, clip, failure_reason, never_ended
from clary.controllers.step import AT_ONCE, Step
from clary.controllers.training import spot, warm_pool
from clary.controllers.training.hosts import hosts_of, run_uids
from clary.controllers.training.transitions import close, enter, follow, history
from clary.core.document import Document
from clary.runtime.spec import Phase, Seen
from clary.store.records import Record

DONE = frozenset({"Completed", "Failed", "Stopped"})
STOP_GRACE = timedelta(seconds=120)  # StopTrainingJob promises the container this long.
KILL_GRACE = timedelta(seconds=30)  # How long the runtime may take to stop, after that; then it is killed.
SOON = timedelta(
    milliseconds=100
)  # Between looks while a run is on its way; the shim's wake is usually first.
QUEUED = timedelta(seconds=5)  # Between looks at a run that waits its turn: whoever makes room starts it.
RUNNING = timedelta(seconds=1)  # Between looks at a run: how fresh its log is.
ACCELERATED = ("ml.p", "ml.g", "ml.trn")  # MaxPendingTimeInSeconds speaks of these only.
MODEL, UNPACKED = "model.tar.gz", "model"

_STATUS_OF_PHASE: dict[Phase, str] = {
    "absent": "Starting",
    "queued": "Starting",
    "building": "Starting",
    "starting": "Starting",
    "preparing": "Downloading",
    "running": "Training",
    "ready": "Training",
    "packing": "Uploading",
}


@dataclass(frozen=True, kw_only=True)
class World:
    """What is the case outside the record. It is asked each time, never remembered.

    `fault` says why the run cannot be prepared (mostly the caller's data); `logged` that all its output is in
    the log; `metrics` the last value of each metric, if there is news, `remark` what is to be said of them;
    `unsaved` that checkpoints are to be taken to S3; `reclaimed` why its spot capacity is taken back;
    `pooled` that it uses a warm pool; `broken` since when one host has failed while others run.
    """

    run: Seen = field(default_factory=Seen)
    fault: str = ""
    logged: bool = True
    metrics: Sequence[Document] = ()
    remark: str = ""
    unsaved: bool = False
    reclaimed: str = ""
    pooled: bool = False
    broken: datetime | None = None


def run_uid(job: Record) -> str:
    """Name the container of the job's present attempt, on its first host."""
    return run_uids(job)[0]


def next_step(job: Record, world: World, now: datetime) -> Step:
    """Decide what happens to a training job next."""
    doc, run = job.doc, world.run
    stopping = doc["TrainingJobStatus"] == "Stopping"
    if doc["TrainingJobStatus"] in DONE:
        return warm_pool.idle(doc, now) if run.phase == "absent" else Step(effect="remove", again=AT_ONCE)
    if run.phase == "exited":
        return Step(effect="save", again=AT_ONCE) if world.unsaved else _settle(doc, world, now)
    if run.phase == "absent":
        return _begin(doc, world, now, stopping=stopping)
    if stopping:
        write = enter(doc, "Stopping", job.status_since, note=run.note)
        late = _overdue(job.status_since, now)
        return Step(effect="kill" if late else "stop", write=write, again=RUNNING)
    if world.broken:  # without it the others would wait for ever
        return Step(effect="kill" if _overdue(world.broken, now) else "stop", again=RUNNING)
    return _proceed(doc, world, now)


def _overdue(since: datetime, now: datetime) -> bool:
    return now - since > STOP_GRACE + KILL_GRACE


def _begin(doc: Document, world: World, now: datetime, *, stopping: bool) -> Step:
    period = _period(doc, world.run, now)
    if stopping:
        return _finish(doc, "Stopped", now, **period)
    if "_Notice" in doc:
        return spot.interrupt(doc, world.run, now)
    if "_Started" in doc:
        return _lost(doc, world.run, now)
    if world.fault:
        return _finish(doc, "Failed", now, FailureReason=clip(world.fault), **period)
    if _waited_too_long(doc, now, pending=True):
        return _finish(doc | {"_Stop": "MaxWaitTimeExceeded"}, "Stopped", now, **period)
    if world.pooled and not warm_pool.status(doc):
        return Step(effect="pool", write={"WarmPoolStatus": {"Status": "InUse"}}, again=AT_ONCE)
    here = history(doc)[-1]["Status"]  # Starting, or Restarting
    return Step(effect="start", write=enter(doc, here, now) | {"_Started": True}, again=SOON)


def _proceed(doc: Document, world: World, now: datetime) -> Step:
    run = world.run
    status = _STATUS_OF_PHASE[run.phase]
    if status == "Starting":
        if _waited_too_long(doc, now, pending=True):
            return _stop(doc, "MaxWaitTimeExceeded", now)
        again = QUEUED if run.phase == "queued" else SOON
        return Step(write=follow(doc, "Starting", {}, now, note=run.note), again=again)
    if run.phase in ("running", "ready") and spot.worked(doc, run, now) > _limit(doc):
        return _stop(doc, "MaxRuntimeExceeded", now)
    if _waited_too_long(doc, now, pending=False):
        return _stop(doc, "MaxWaitTimeExceeded", now)
    if "_Notice" in doc:
        return spot.under_notice(doc, now, unsaved=world.unsaved)
    write = follow(doc, status, _times(run, now), now, note=run.note)
    if "TrainingStartTime" not in doc:
        write["TrainingStartTime"] = min(run.started or now, now)
    if run.started and "_Ran" not in doc:
        write["_Ran"] = True
    if world.metrics:
        write["FinalMetricDataList"] = list(world.metrics)
    if world.reclaimed and run.phase != "packing":
        return Step(write=write | spot.notice({**doc, **write}, world.reclaimed, now), again=AT_ONCE)
    again = RUNNING if run.phase == "running" else SOON
    return Step(effect="save" if world.unsaved else "none", write=write, again=again)


def _settle(doc: Document, world: World, now: datetime) -> Step:
    """Settle a run that ended, once its whole log is kept."""
    run = world.run
    if not world.logged:
        return Step(again=AT_ONCE)
    stopping = doc["TrainingJobStatus"] == "Stopping"
    if "_Notice" in doc and not stopping:
        return spot.interrupt(doc, run, now)
    if never_ended(run) and not stopping:
        return _lost(doc, run, now)
    # A model that could not be packed is a failure too, and so are checkpoints that could not be kept.
    well = run.exit_code == 0 and not run.failure and "_NotSaved" not in doc
    done = "Stopped" if stopping else "Completed" if well else "Failed"
    course = follow(doc, "Uploading", _times(run, now), now) if run.started and not stopping else {}
    members = {**course, **_period(doc, run, now)}
    if world.metrics:
        members["FinalMetricDataList"] = list(world.metrics)
    if done != "Failed" and (done == "Completed" or model_name(doc) in run.outputs):
        members["ModelArtifacts"] = {"S3ModelArtifacts": model_uri(doc)}
    if done == "Failed":
        members["FailureReason"] = failure_reason(run, doc.get("_NotSaved", ""))
    step = _finish({**doc, **members}, done, now, note=_remarks(doc, world, done))
    effect = "collect" if run.outputs else "none"
    return Step(effect=effect, write={**members, **step.write}, again=AT_ONCE)


def _lost(doc: Document, run: Seen, now: datetime) -> Step:
    """Begin a run again that vanished or could not be had, once or as often as the caller asked."""
    attempt = doc.get("_Attempt", 1)
    tried = attempt - doc.get("_Interruptions", 0)
    allowed = doc.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
    never_ran = "_Ran" not in doc and run.started is None
    if tried <= (max(allowed, 1) if never_ran else allowed):
        write = enter(doc, "Restarting", now) | {"_Attempt": attempt + 1, **spot.spent(doc, run, now)}
        return Step(effect="remove", write=write, remove=("_Started",), again=AT_ONCE)
    why = run.failure.removeprefix("InternalServerError: ").rstrip(".") or VANISHED
    reason = clip(f"InternalServerError: The run was lost: {why}. Create the job again to repeat it.")
    if run.failure and not run.lost:  # an image that cannot be built, say: its words name its own cure
        reason = failure_reason(run)
    return _finish(
        {**doc, **(members := _period(doc, run, now))}, "Failed", now, FailureReason=reason, **members
    )


def _stop(doc: Document, why: str, now: datetime) -> Step:
    write = {"TrainingJobStatus": "Stopping", "_Stop": why}
    return Step(write=write | enter(doc, "Stopping", now), again=AT_ONCE)


def _finish(doc: Document, status: str, now: datetime, *, note: str = "", **members: object) -> Step:
    secondary = doc.get("_Stop", "Stopped") if status == "Stopped" else status
    reason = members.get("FailureReason", doc.get("FailureReason", ""))
    pool = warm_pool.at_end({**doc, **members}, str(reason), now)
    write = {"TrainingJobStatus": status, **members, **pool, **close(doc, secondary, now, note=note)}
    return Step(write=write, again=AT_ONCE)


def _period(doc: Document, run: Seen, now: datetime) -> Document:
    """When the job trained, and for how long it would be paid."""
    began = doc.get("TrainingStartTime") or run.started
    if began is None:
        return {}
    end = max(min(run.ended or now, now), began)
    seconds = max(1, math.ceil((end - began).total_seconds()))
    return {
        "TrainingStartTime": began,
        "TrainingEndTime": end,
        "TrainingTimeInSeconds": seconds,
        "BillableTimeInSeconds": spot.billable(doc, run, now, seconds),
    }


def _times(run: Seen, now: datetime) -> dict[str, datetime]:
    began, ended = run.started or now, run.ended or now
    return {"Downloading": min(began, now), "Training": min(began, now), "Uploading": min(ended, now)}


def _limit(doc: Document) -> timedelta:
    # Without a limit a job may run for a day; the API reference says so of MaxRuntimeInSeconds.
    return timedelta(seconds=doc.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400))


def _waited_too_long(doc: Document, now: datetime, *, pending: bool) -> bool:
    limits = doc.get("StoppingCondition", {})
    waits = [limits["MaxWaitTimeInSeconds"]] if "MaxWaitTimeInSeconds" in limits else []
    accelerated = any(host.type.startswith(ACCELERATED) for host in hosts_of(doc))
    if pending and accelerated and "MaxPendingTimeInSeconds" in limits:
        waits.append(limits["MaxPendingTimeInSeconds"])
    return bool(waits) and now - doc["CreationTime"] > timedelta(seconds=min(waits))


def _remarks(doc: Document, world: World, done: str) -> str:
    """Return what a caller should know of an end besides its status."""
    run, remarks = world.run, [world.run.note.rstrip("."), world.remark]
    if done == "Completed" and (name := model_name(doc)) not in run.outputs:
        remarks.insert(0, f"the program left nothing in /opt/ml/model, so there is no {name}")
    if done == "Stopped" and doc.get("_Stop") == "MaxRuntimeExceeded":
        remarks.insert(0, f"{_limit(doc).total_seconds():.0f} s; raise it, or save checkpoints on SIGTERM")
    return clip("; ".join(filter(None, remarks)))


def output_uri(doc: Document, name: str) -> str:
    """Say where an archive of the job's output belongs."""
    path = doc["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    return f"{path}/{doc['TrainingJobName']}/output/{name}"


def model_uri(doc: Document) -> str:
    """Say where the job's model belongs, which is what S3ModelArtifacts answers."""
    name = model_name(doc)
    return output_uri(doc, name if name == MODEL else f"{name}/")


def model_name(doc: Document) -> str:
    """Name the output that holds the job's model: an archive, or the files as they are."""
    # evidence/training-output.md
    return UNPACKED if doc["OutputDataConfig"].get("CompressionType") == "NONE" else MODEL
