"""The life of an execution: which steps begin, which are told to stop, and how the whole ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clary.controllers.step import AT_ONCE, Step
from clary.engines.pipelines import graph
from clary.engines.pipelines.declared import Definition
from clary.engines.pipelines.graph import Standing
from clary.resources.pipelines.pipeline_execution_step import DONE as STEP_DONE
from clary.store.records import Record

DONE = frozenset({"Succeeded", "Failed", "Stopped", "CompletedWithFailures"})
LOOKS = timedelta(seconds=10)  # Steps tell their end; this is for an end that nobody heard.
MOST_AT_ONCE = 100  # Steps that are begun in one write.
LONGEST = 1300  # FailureReason's own limit.


@dataclass(frozen=True, kw_only=True)
class World:
    """What is the case outside the record: how the steps stand that have begun.

    `unprepared` says that steps of an earlier execution are to be taken over first, or an experiment to be
    made; `fault` why that is not possible.
    """

    definition: Definition
    standings: Mapping[str, Standing] = field(default_factory=dict)
    unprepared: bool = False
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class Act(Step):
    """An effect on some of the steps."""

    steps: tuple[str, ...] = ()


def next_step(execution: Record, world: World, now: datetime) -> Step:
    """Decide what happens to an execution next."""
    if execution.status in DONE:
        return Step(again=None)
    if world.fault:
        return _finish(execution, "Failed", world.fault)
    stopping = execution.status == "Stopping"
    if world.unprepared and not stopping:
        return Step(effect="prepare", again=AT_ONCE)
    plan = graph.plan(world.definition, world.standings, stopping=stopping)
    if plan.outcome not in ("Executing", "Stopping"):
        return _finish(execution, plan.outcome, _reason(plan.reason, world.standings))
    running = [name for name, each in world.standings.items() if each.status not in STEP_DONE]
    if stopping:
        untold = tuple(name for name in running if world.standings[name].status != "Stopping")
        return Act(effect="stop", steps=untold, again=LOOKS) if untold else Step(again=LOOKS)
    parallel = execution.doc.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps")
    room = MOST_AT_ONCE if parallel is None else min(MOST_AT_ONCE, parallel - len(running))
    if plan.begin and room > 0:
        more = len(plan.begin) > room and room == MOST_AT_ONCE
        return Act(effect="begin", steps=plan.begin[:room], again=AT_ONCE if more else LOOKS)
    return Step(again=LOOKS)


def _reason(words: str, standings: Mapping[str, Standing]) -> str:
    """Add to AWS's words which steps failed, and why."""
    failed = [f"{name}: {each.reason}" for name, each in standings.items() if each.status == "Failed"]
    return " ".join([words, *failed]) if words else ""


def _finish(execution: Record, status: str, reason: str) -> Step:
    write = {"PipelineExecutionStatus": status}
    if reason:
        write["FailureReason"] = reason if len(reason) <= LONGEST else f"{reason[: LONGEST - 1]}…"
    return Step(write=write, again=None, wake=execution.doc.get("_Parent", ""))
