"""Why a job failed, in AWS's form: whose fault it was, what was said, how it ended."""

from __future__ import annotations

from clary.controllers.hosts import BLAMES
from clary.runtime.spec import Seen

VANISHED = "its processes are gone, and nothing tells how they ended"
LONGEST_REASON = 1024  # FailureReason's own limit.


def never_ended(run: Seen) -> bool:
    """Say whether a run's program did not end by itself, and neither it nor the caller is to blame."""
    blamed = run.failure.startswith(("AlgorithmError: ", "ClientError: "))
    return run.exit_code is None and run.signal is None and not blamed


def failure_reason(run: Seen, not_saved: str = "") -> str:
    """Say in AWS's form why the run failed: whose fault, what it said itself, how it ended."""
    if not_saved and run.exit_code == 0 and not run.failure:
        return clip(not_saved)
    if run.failure.startswith(BLAMES):
        return clip(run.failure)
    if run.started is None:
        return clip(f"ClientError: {run.failure or 'the run could not be prepared'}")
    # evidence/training-failure-reason.md
    code = run.exit_code if run.exit_code is not None else 128 + (run.signal or 0)
    return clip(f"AlgorithmError: {run.failure.rstrip()}", f", exit code: {code}")


def clip(text: str, end: str = "") -> str:
    """Fit a reason into FailureReason: its beginning, the tail that tells most, and `end`."""
    room = LONGEST_REASON - len(end)
    if len(text) > room:
        head, tail = text[:200], text[-(room - 205) :]
        text = f"{head} ... {tail}"
    return text + end
