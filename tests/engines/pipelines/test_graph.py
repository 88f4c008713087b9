"""What begins, what never will, and how it ends: as tables, and for random graphs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clary.core.document import Document
from clary.engines.pipelines import definition, graph
from clary.engines.pipelines.declared import Definition
from clary.engines.pipelines.graph import FAILED, Plan, Standing

DONE, BROKEN, BUSY = Standing("Succeeded"), Standing("Failed"), Standing("Executing")
YES, NO = Standing("Succeeded", True), Standing("Succeeded", False)


def step(name: str, *after: object) -> Document:
    made: Document = {"Name": name, "Type": "Lambda", "FunctionArn": "arn:aws:lambda:us-east-1:1:function:f"}
    return {**made, "Arguments": {}, "DependsOn": list(after)}


def condition(
    name: str, *, yes: list[Document], no: list[Document], after: list[str] | None = None
) -> Document:
    says = [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}]
    arguments = {"Conditions": says, "IfSteps": yes, "ElseSteps": no}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, "DependsOn": after or []}


def of(*steps: Document) -> Definition:
    return definition.parse(json.dumps({"Version": "2020-12-01", "Steps": steps}))


CHAIN = of(step("A"), step("B", "A"), step("C", "B"))
FORK = of(
    step("A"),
    condition("If", yes=[step("Y"), step("Y2", "Y")], no=[step("N")], after=["A"]),
    step("AfterY", "Y2"),
    step("Aside"),
)
CARE = of(step("A"), step("B", "A"), step("Tell", {"Step": "A", "Trigger": "Failed"}), step("Last", "Tell"))
TABLE: list[tuple[Definition, dict[str, Standing], Plan]] = [
    (CHAIN, {}, Plan(("A",), frozenset(), "Executing")),
    (CHAIN, {"A": BUSY}, Plan((), frozenset(), "Executing")),
    (CHAIN, {"A": DONE}, Plan(("B",), frozenset(), "Executing")),
    (CHAIN, {"A": BROKEN}, Plan((), frozenset("BC"), "Failed", FAILED)),
    (CHAIN, {"A": Standing("Stopped")}, Plan((), frozenset("BC"), "Stopped")),
    (CHAIN, {"A": DONE, "B": DONE, "C": DONE}, Plan((), frozenset(), "Succeeded")),
    (FORK, {"A": DONE}, Plan(("If", "Aside"), frozenset(), "Executing")),
    (FORK, {"A": DONE, "If": YES}, Plan(("Y", "Aside"), frozenset("N"), "Executing")),
    (FORK, {"A": DONE, "If": NO}, Plan(("N", "Aside"), frozenset({"Y", "Y2", "AfterY"}), "Executing")),
    (
        FORK,
        {"A": DONE, "If": NO, "N": DONE, "Aside": DONE},
        Plan((), frozenset({"Y", "Y2", "AfterY"}), "Succeeded"),
    ),
    (FORK, {"A": BROKEN}, Plan((), frozenset({"If", "Y", "Y2", "N", "AfterY"}), "Failed", FAILED)),
    (FORK, {"A": BROKEN, "Aside": BUSY}, Plan((), frozenset({"If", "Y", "Y2", "N", "AfterY"}), "Executing")),
    (CARE, {"A": BROKEN}, Plan(("Tell",), frozenset("B"), "Executing")),
    (CARE, {"A": BROKEN, "Tell": DONE}, Plan(("Last",), frozenset("B"), "Executing")),
    (
        CARE,
        {"A": BROKEN, "Tell": DONE, "Last": DONE},
        Plan((), frozenset("B"), "CompletedWithFailures", FAILED),
    ),
    (CARE, {"A": BROKEN, "Tell": BROKEN}, Plan((), frozenset({"B", "Last"}), "Failed", FAILED)),
    (CARE, {"A": DONE}, Plan(("B",), frozenset({"Tell", "Last"}), "Executing")),
]


@pytest.mark.parametrize(("whole", "standings", "next_"), TABLE)
def test_a_plan_follows_from_how_the_steps_stand(
    whole: Definition, standings: dict[str, Standing], next_: Plan
) -> None:
    assert graph.plan(whole, standings) == next_


def test_a_stopping_execution_begins_nothing_and_ends_with_what_runs() -> None:
    assert graph.plan(CHAIN, {"A": BUSY}, stopping=True) == Plan((), frozenset(), "Stopping")
    assert graph.plan(CHAIN, {"A": DONE}, stopping=True) == Plan((), frozenset(), "Stopped")
    assert graph.plan(CHAIN, {}, stopping=True) == Plan((), frozenset(), "Stopped")


def test_an_execution_that_was_done_when_it_was_stopped_has_succeeded() -> None:
    assert graph.plan(CHAIN, {"A": DONE, "B": DONE, "C": DONE}, stopping=True).outcome == "Succeeded"


@st.composite
def graphs(draw: st.DrawFn) -> Definition:
    """Steps that wait for earlier ones, some of them in branches of conditions."""
    made: list[Document] = []
    names: list[str] = []
    for index in range(draw(st.integers(1, 12))):
        after = draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
        if draw(st.booleans()):
            made.append(step(f"S{index}", *after))
            names.append(f"S{index}")
        else:
            yes, no = step(f"S{index}y", *after), step(f"S{index}n")
            made.append(condition(f"S{index}", yes=[yes], no=[no], after=after))
            names += [f"S{index}", f"S{index}y", f"S{index}n"]
    return of(*made)


@settings(max_examples=200, deadline=None)
@given(graphs(), st.randoms(use_true_random=False), st.sampled_from([0.0, 0.15]))
def test_every_execution_ends_with_each_step_begun_once_or_never(
    whole: Definition, chance: object, bad: float
) -> None:
    import random

    assert isinstance(chance, random.Random)
    standings: dict[str, Standing] = {}
    for _ in range(4 * len(whole.steps) + 4):
        told = graph.plan(whole, standings)
        assert not set(told.begin) & set(standings), "a step begins once"
        assert not told.never & set(standings)
        for name in told.begin:
            ready = [standings[each].status for each in whole.named[name].waits_for]
            assert all(status == "Succeeded" for status in ready)
            standings[name] = BUSY
        busy = [name for name, each in standings.items() if each.status == "Executing"]
        if told.outcome != "Executing":
            break
        name = chance.choice(busy)
        outcome = chance.random() < 0.5 if whole.named[name].type == "Condition" else None
        standings[name] = BROKEN if chance.random() < bad else Standing("Succeeded", outcome)
    assert not busy
    failed = any(each.status == "Failed" for each in standings.values())
    assert told.outcome == ("Failed" if failed else "Succeeded")
    if not failed:
        assert set(standings) | told.never == set(whole.named)
