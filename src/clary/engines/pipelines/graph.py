"""Which steps may begin, which never will, and how an execution ends. evidence/pipeline-order.md"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from clary.engines.pipelines.declared import Definition, StepDefinition, Trigger

StepStatus = Literal["Starting", "Executing", "Stopping", "Stopped", "Failed", "Succeeded"]
Outcome = Literal["Executing", "Stopping", "Stopped", "Failed", "Succeeded", "CompletedWithFailures"]
State = Literal["wait", "may", "never"]

ENDED = ("Stopped", "Failed", "Succeeded")
FAILED = "Step failure: One or multiple steps failed."
_LETS: Mapping[str, tuple[Trigger, ...]] = {
    "Succeeded": ("Completed", "Any"),
    "Failed": ("Failed", "Any"),
    "Stopped": ("Stopped", "Any"),
}


@dataclass(frozen=True)
class Standing:
    """How a step that has begun stands; `outcome` is that of a Condition step that has succeeded."""

    status: StepStatus
    outcome: bool | None = None
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """What is next: steps that may begin now, steps that never will, and how the whole stands."""

    begin: tuple[str, ...]
    never: frozenset[str]
    outcome: Outcome
    reason: str = ""


def plan(definition: Definition, standings: Mapping[str, Standing], *, stopping: bool = False) -> Plan:
    """Return what follows from how the steps stand; a step without a standing has not begun.

    A step that failed, with no step for that case, lets what has begun end and nothing else begin.
    """
    states: dict[str, State] = {}
    for name in definition.order:
        if name not in standings:
            states[name] = _state(definition.named[name], standings, states)
    handled = _handled(definition, standings, states)
    failed = [name for name, one in standings.items() if one.status == "Failed"]
    stopped = [name for name, one in standings.items() if one.status == "Stopped"]
    unhandled = [name for name in (*failed, *stopped) if name not in handled]
    begin = tuple(step.name for step in definition.steps if states.get(step.name) == "may")
    if stopping:
        begin = ()
    elif unhandled:
        begin = tuple(name for name in begin if _is_handler(definition.named[name], standings))
    never = frozenset(name for name, state in states.items() if state == "never")
    if begin or any(one.status not in ENDED for one in standings.values()):
        return Plan(begin, never, "Stopping" if stopping else "Executing")
    return Plan((), never, *_end(failed, stopped, handled, stopping and len(never) < len(states)))


def _state(step: StepDefinition, standings: Mapping[str, Standing], states: Mapping[str, State]) -> State:
    state: State = "may"
    for name, trigger in step.waits_for.items():
        before = standings.get(name)
        if before is None:
            if states.get(name) == "never":
                return "never"
            state = "wait"
        elif before.status not in ENDED:
            state = "wait"
        elif trigger not in _LETS[before.status] or _elsewhere(step, name, before):
            return "never"
    return state


def _elsewhere(step: StepDefinition, name: str, before: Standing) -> bool:
    branch = step.branch
    return branch is not None and branch.step == name and before.outcome is not branch.outcome


def _handled(
    definition: Definition, standings: Mapping[str, Standing], states: Mapping[str, State]
) -> set[str]:
    """Return the failed and stopped steps that some step is there for, unless it never will begin."""
    handled = set()
    for step in definition.steps:
        if states.get(step.name) != "never":
            handled |= {each.step for each in step.depends_on if each.trigger != "Completed"}
    return {name for name in handled if name in standings and standings[name].status in ("Failed", "Stopped")}


def _is_handler(step: StepDefinition, standings: Mapping[str, Standing]) -> bool:
    return any(standings[each.step].status in ("Failed", "Stopped") for each in step.depends_on)


def _end(failed: list[str], stopped: list[str], handled: set[str], cut_short: bool) -> tuple[Outcome, str]:
    if cut_short:
        return "Stopped", ""
    if set(failed) - handled:
        return "Failed", FAILED
    if set(stopped) - handled:
        return "Stopped", ""
    return ("CompletedWithFailures", FAILED) if failed or stopped else ("Succeeded", "")
