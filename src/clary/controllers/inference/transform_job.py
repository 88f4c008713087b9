"""The life of a transform job: its hosts drive requests at servers of their own until every object has its
output (ADR 15).

A host that is lost costs only what it had not finished: once the others have ended, the objects without an
output are shared out among the hosts of another attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clary.controllers.inference.endpoint import clip
from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.runtime.spec import Seen
from clary.store.records import Record

DONE = frozenset({"Completed", "Failed", "Stopped"})
ATTEMPTS = 4  # how often what a lost host left is begun
STOP_GRACE = timedelta(seconds=30)  # until a host that does not stop is killed
SOON = timedelta(milliseconds=100)  # between looks while hosts come up; the shim's wake is usually first
RUNNING = timedelta(seconds=1)  # between looks at hosts at work: how fresh their log is
BLAMES = ("AlgorithmError: ", "ClientError: ")


@dataclass(frozen=True, kw_only=True)
class World:
    """What is the case outside the record: the runs of this attempt, whether any of another is left.

    `fault` says why it cannot begin (mostly the caller's data), `logged` that all that was said is in the
    log, `remaining` how many objects have no output yet, while no host of this attempt has begun, `fresh`
    that outputs are finished that are not in S3.
    """

    runs: Sequence[Seen] = ()
    left: bool = False
    fault: str = ""
    logged: bool = True
    remaining: int = 0
    fresh: bool = False


def next_step(job: Record, world: World, now: datetime) -> Step:
    """Decide what happens to a transform job next."""
    doc, runs = job.doc, world.runs
    stopping = doc["TransformJobStatus"] == "Stopping"
    if doc["TransformJobStatus"] in DONE:
        return Step(effect="remove", again=AT_ONCE) if world.left else Step(again=None)
    if "_Started" not in doc:
        return _begin(doc, world, now, stopping=stopping)
    if all(run.phase in ("exited", "absent") for run in runs):
        return _settle(doc, world, now, stopping=stopping)
    write = _begun(doc, runs, now)
    if stopping:
        late = now - job.status_since > STOP_GRACE
        return Step(effect="kill" if late else "stop", write=write, again=RUNNING)
    if world.fresh:
        return Step(effect="publish", write=write, again=AT_ONCE)
    working = all(run.phase in ("ready", "exited") for run in runs)
    return Step(write=write, again=RUNNING if working else SOON)


def _begin(doc: Document, world: World, now: datetime, *, stopping: bool) -> Step:
    if stopping:
        return _stopped(doc, now)
    if world.fault:
        return _finish(doc, "Failed", now, FailureReason=clip(world.fault))
    if not world.remaining:  # a host was lost after its last output
        return _collect(doc, "Completed", now)
    return Step(effect="start", write={"_Started": True, "_Attempt": doc.get("_Attempt", 1)}, again=SOON)


def _settle(doc: Document, world: World, now: datetime, *, stopping: bool) -> Step:
    """Settle an attempt that ended, once its whole log is kept."""
    if not world.logged:
        return Step(again=AT_ONCE)
    write = _begun(doc, world.runs, now)
    doc = {**doc, **write}
    if stopping:
        return _stopped(doc, now, **write)
    if failed := [run for run in sorted(world.runs, key=lambda run: run.ended or now) if _blamed(run)]:
        return _collect(doc, "Failed", now, FailureReason=failure_reason(failed[0]), **write)
    lost = [run for run in world.runs if run.exit_code != 0]
    if not lost:
        return _collect(doc, "Completed", now, **write)
    attempt = doc.get("_Attempt", 1)
    if attempt < ATTEMPTS:
        return Step(write={**write, "_Attempt": attempt + 1}, remove=("_Started",), again=AT_ONCE)
    why = lost[0].failure.removeprefix("InternalServerError: ").rstrip(".") or "its processes are gone"
    reason = (
        f"InternalServerError: A host was lost {attempt} times: {why}. Create the job again to repeat it."
    )
    return _collect(doc, "Failed", now, FailureReason=clip(reason), **write)


def _blamed(run: Seen) -> bool:
    return run.failure.startswith(BLAMES) or (run.exit_code not in (0, None) and not run.failure)


def failure_reason(run: Seen) -> str:
    """Say in AWS's form why a host failed: whose fault, what was said, where more is."""
    if run.failure.startswith(BLAMES):
        return clip(run.failure)
    return clip(f"AlgorithmError: {run.failure or f'exit code {run.exit_code}'}")


def _stopped(doc: Document, now: datetime, **members: object) -> Step:
    """End a job that was stopped: what was finished is not kept (evidence/batch-transform.md).

    The record need not know of all that was put: who put it may have died, or met the stop, before it wrote.
    """
    step = _finish(doc, "Stopped", now, **members)
    return Step(effect="withdraw", write=step.write, again=AT_ONCE)


def _collect(doc: Document, status: str, now: datetime, **members: object) -> Step:
    step = _finish(doc, status, now, **members)
    return Step(effect="collect", write=step.write, again=AT_ONCE)


def _finish(doc: Document, status: str, now: datetime, **members: object) -> Step:
    began = members.get("TransformStartTime") or doc.get("TransformStartTime")
    times = {"TransformStartTime": began, "TransformEndTime": now} if began else {"TransformEndTime": now}
    return Step(write={"TransformJobStatus": status, **members, **times}, again=AT_ONCE)


def _begun(doc: Document, runs: Sequence[Seen], now: datetime) -> Document:
    started = [run.started for run in runs if run.started]
    if "TransformStartTime" in doc or not started:
        return {}
    return {"TransformStartTime": min(*started, now)}
