"""Selective executions: what runs, what is taken over, and which selections cannot run."""

from __future__ import annotations

import json

import pytest

from clary.core.document import Document
from clary.engines.pipelines import definition, graph, selective
from clary.engines.pipelines.faults import ParameterFault
from clary.engines.pipelines.graph import Standing

DONE = Standing("Succeeded")


def step(name: str, *uses: str, after: tuple[str, ...] = ()) -> Document:
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    return {
        "Name": name,
        "Type": "Lambda",
        "FunctionArn": function,
        "OutputParameters": [{"OutputName": "o", "OutputType": "String"}],
        "Arguments": {each: {"Get": f"Steps.{each}.OutputParameters['o']"} for each in uses},
        "DependsOn": list(after),
    }


def branching(name: str, uses: str, *within: Document) -> Document:
    says = {"Type": "Equals", "LeftValue": {"Get": f"Steps.{uses}.OutputParameters['o']"}, "RightValue": "x"}
    return {"Name": name, "Type": "Condition", "Arguments": {"Conditions": [says], "IfSteps": list(within)}}


WHOLE = definition.parse(
    json.dumps({"Steps": [step("A"), step("B", "A"), step("C", "B"), branching("If", "C", step("Y", "B"))]})
)
EARLIER = {name: DONE for name in ("A", "B", "C")} | {"If": Standing("Succeeded", True)}


def test_steps_that_are_not_selected_are_taken_over_where_they_are_used() -> None:
    chosen = selective.plan(WHOLE, ["C"], EARLIER)
    assert [each.name for each in chosen.definition.steps] == ["C"]
    assert chosen.taken == {"B"}
    assert graph.plan(chosen.definition, {}).begin == ("C",)
    assert graph.plan(chosen.definition, {"C": DONE}).outcome == "Succeeded"


def test_a_selected_condition_lets_its_selected_branch_run() -> None:
    chosen = selective.plan(WHOLE, ["C", "If", "Y"], EARLIER)
    assert graph.plan(chosen.definition, {"C": DONE, "If": Standing("Succeeded", False)}).never == {"Y"}
    alone = selective.plan(WHOLE, ["Y"], EARLIER)
    assert alone.taken == {"B"}
    assert graph.plan(alone.definition, {}).begin == ("Y",)


def test_what_uses_nothing_needs_no_earlier_execution() -> None:
    assert selective.plan(WHOLE, ["A", "B"], None).taken == frozenset()


@pytest.mark.parametrize(
    ("selected", "earlier", "said"),
    [
        (["Z"], EARLIER, "has no step 'Z' to select; it has A, B, C, If, Y"),
        (["A", "C"], EARLIER, "Select every step between two selected ones"),
        (["C"], None, "no SourcePipelineExecutionArn is given"),
        (["C"], {"A": DONE}, "it did not run there"),
        (["C"], {"B": Standing("Failed")}, "it is Failed there"),
    ],
)
def test_a_selection_that_cannot_run_is_refused(
    selected: list[str], earlier: dict[str, Standing] | None, said: str
) -> None:
    with pytest.raises(ParameterFault) as refused:
        selective.plan(WHOLE, selected, earlier)
    assert said in str(refused.value)
