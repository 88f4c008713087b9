"""Capacity that may vanish: the notice, the interruption, and which time is counted (evidence/spot.md).

A job that was given notice counts as interrupted however its program then ends, even with exit code 0: that
is how programs end that saved their state when SIGTERM came, and taking it for success would claim work that
did not happen.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from clary.controllers.step import AT_ONCE, Step
from clary.controllers.training.transitions import enter, history
from clary.core.document import Document
from clary.runtime.spec import Seen

NOTICE = timedelta(seconds=120)  # from SIGTERM to SIGKILL
KILL_GRACE = timedelta(seconds=30)  # how long the runtime may take over its own SIGKILL
LOOKS = timedelta(seconds=1)


def notice(doc: Document, why: str, now: datetime) -> Document:
    """Return what says that a running job has been given notice; the program is told after that is kept."""
    words = f"the capacity is taken back in {NOTICE.total_seconds():.0f} s: {why}"
    return {"_Notice": now, **enter(doc, history(doc)[-1]["Status"], now, note=words)}


def under_notice(doc: Document, now: datetime, *, unsaved: bool) -> Step:
    """See a notice through: SIGTERM, what the program saves meanwhile, and SIGKILL in the end."""
    late = now - doc["_Notice"] > NOTICE + KILL_GRACE
    return Step(effect="kill" if late else "save" if unsaved else "stop", again=LOOKS)


def interrupt(doc: Document, run: Seen, now: datetime) -> Step:
    """Say that a run lost its capacity; then clear it away, and let the job begin again."""
    if "_Interrupted" not in doc:
        at = min(run.ended or now, now)
        write = {"_Interrupted": True, **enter(doc, "Interrupted", at), **spent(doc, run, now)}
        if run.started and "TrainingStartTime" not in doc:
            write["TrainingStartTime"] = min(run.started, now)
        return Step(write=write, again=AT_ONCE)
    counts = {name: doc.get(name, first) + 1 for name, first in (("_Attempt", 1), ("_Interruptions", 0))}
    gone = ("_Started", "_Ran", "_Notice", "_Interrupted")
    write = counts | enter(doc, "Restarting", now)
    return Step(effect="remove", write=write, remove=gone, again=AT_ONCE)


def worked(doc: Document, run: Seen, now: datetime) -> timedelta:
    """Return for how long the job's programs have run, in all attempts together."""
    before = timedelta(seconds=doc.get("_Spent", 0))
    if run.started is None:
        return before
    return before + max(min(run.ended or now, now) - run.started, timedelta(0))


def spent(doc: Document, run: Seen, now: datetime) -> Document:
    """Return what is to be remembered of a run that is not the job's last."""
    return {"_Spent": worked(doc, run, now).total_seconds()} if run.started else {}


def billable(doc: Document, run: Seen, now: datetime, training: int) -> int:
    """Return the seconds in which the job held capacity; that is all its time, unless it was interrupted."""
    if "_Spent" not in doc:
        return training
    return min(training, max(1, math.ceil(worked(doc, run, now).total_seconds())))
