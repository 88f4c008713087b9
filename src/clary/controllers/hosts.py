"""The hosts of a job of several: their names, and what their runs come to together.

A job of one host has one run, `<uid>-<attempt>`; one of several has `<uid>-<attempt>-<host>` for each
(evidence/several-hosts.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from clary.runtime.failure import LONGEST_MESSAGE
from clary.runtime.spec import Phase, Seen
from clary.store.records import Record

ONE_GROUP = "homogeneousCluster"  # what resourceconfig.json calls the group of a job that names none
BLAMES = ("AlgorithmError: ", "ClientError: ", "InternalServerError: ", "CapacityError: ")
_COURSE: tuple[Phase, ...] = (
    "queued", "building", "starting", "preparing", "running", "ready", "packing",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Host:
    """One host of a job; its number counts from 1 through all groups."""

    number: int
    type: str
    group: str

    @property
    def name(self) -> str:
        """What the other hosts call it."""
        return f"algo-{self.number}"


def uids_of(job: Record, count: int) -> tuple[str, ...]:
    """Name the containers of the job's present attempt, one for each of `count` hosts."""
    attempt = f"{job.uid}-{job.doc.get('_Attempt', 1)}"
    return tuple(f"{attempt}-{number}" for number in range(1, count + 1)) if count > 1 else (attempt,)


def together(runs: Sequence[Seen]) -> Seen:
    """Return what the runs of all hosts come to: as far as the last of them, failed when one failed."""
    if len(runs) == 1:
        return runs[0]
    if any(run.phase == "absent" for run in runs):
        return Seen()
    going = [run for run in runs if run.phase != "exited"]
    phase: Phase = min((run.phase for run in going), key=_COURSE.index, default="exited")
    started = [run.started for run in runs if run.started]
    ended = [run.ended for run in runs if run.ended]
    told = Seen(
        phase=phase,
        note=" ".join(dict.fromkeys(run.note for run in runs if run.note)),
        started=min(started, default=None),
        ended=max(ended, default=None) if not going else None,
        reclaimed=any(run.reclaimed for run in runs),
    )
    if going:
        return told
    number, decisive = _decisive(runs)
    return replace(
        told,
        exit_code=decisive.exit_code,
        signal=decisive.signal,
        out_of_memory=decisive.out_of_memory,
        lost=decisive.lost,
        failure=_by_name(decisive.failure, f"algo-{number}") if _failed(decisive) else "",
        message="".join(run.message for run in runs)[:LONGEST_MESSAGE],
        outputs={name: path for run in reversed(runs) for name, path in run.outputs.items()},
    )


def broken_since(runs: Sequence[Seen]) -> datetime | None:
    """Return since when a host has failed that others are still running beside."""
    ends = [run.ended for run in runs if run.phase == "exited" and run.ended and _failed(run)]
    return min(ends, default=None) if any(run.phase != "exited" for run in runs) else None


def _decisive(runs: Sequence[Seen]) -> tuple[int, Seen]:
    """Return the host that failed first, for the others were stopped because of it; else the first host."""
    failed = [(number, run) for number, run in enumerate(runs, 1) if _failed(run)]
    return min(failed, key=lambda pair: (pair[1].ended is None, pair[1].ended), default=(1, runs[0]))


def _failed(run: Seen) -> bool:
    return run.exit_code != 0 or bool(run.failure)


def _by_name(failure: str, host: str) -> str:
    """Say which host a failure was on, behind whose fault it was."""
    for blame in BLAMES:
        if failure.startswith(blame):
            return f"{blame}{host}: {failure.removeprefix(blame)}"
    return f"{host}: {failure}" if failure else f"{host} failed"
