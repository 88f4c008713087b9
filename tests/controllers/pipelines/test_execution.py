"""What happens to an execution next, as a table of how its steps stand."""

from __future__ import annotations

from typing import Any

from tests.controllers.worlds import NOON

from clary.controllers.pipelines.execution import LONGEST, MOST_AT_ONCE, Act, World, next_step
from clary.controllers.step import Step
from clary.core.document import Document
from clary.engines.pipelines.declared import Definition, Dependency, StepDefinition
from clary.engines.pipelines.graph import Standing
from clary.store.records import Record


def execution(status: str = "Executing", **members: Any) -> Record:
    doc: Document = {"PipelineExecutionStatus": status, **members}
    return Record(
        uid="u",
        service="sagemaker",
        kind="PipelineExecution",
        account="1",
        region="r",
        key="k",
        name="n",
        arn="a",
        version=1,
        doc=doc,
        status=status,
        status_since=NOON,
        created=NOON,
        modified=NOON,
        due=NOON,
    )


def steps(*names: str, after: dict[str, str] | None = None) -> Definition:
    waits = {name: (Dependency(before),) for name, before in (after or {}).items()}
    return Definition(steps=tuple(StepDefinition(n, "Model", {}, waits.get(n, ())) for n in names))


def decided(record: Record, definition: Definition, **stand: Standing) -> Step:
    return next_step(record, World(definition=definition, standings=stand), NOON)


SUCCEEDED, EXECUTING = Standing("Succeeded"), Standing("Executing")
FAILED = Standing("Failed", reason="it broke")


def test_everything_that_may_begin_does_so_at_once() -> None:
    told = decided(execution(), steps("a", "b", "c", after={"c": "a"}))
    assert isinstance(told, Act)
    assert (told.effect, told.steps) == ("begin", ("a", "b"))


def test_no_more_begin_than_may_run_side_by_side() -> None:
    limited = execution(ParallelismConfiguration={"MaxParallelExecutionSteps": 2})
    told = decided(limited, steps("a", "b", "c"), a=EXECUTING)
    assert isinstance(told, Act)
    assert told.steps == ("b",)
    assert decided(limited, steps("a", "b", "c"), a=EXECUTING, b=EXECUTING).effect == "none"


def test_very_many_begin_in_several_writes() -> None:
    told = decided(execution(), steps(*(f"s{n}" for n in range(MOST_AT_ONCE + 1))))
    assert isinstance(told, Act)
    assert len(told.steps) == MOST_AT_ONCE
    assert not told.again


def test_an_execution_ends_once_with_the_steps_that_failed_and_why() -> None:
    told = decided(execution(), steps("a", "b", after={"b": "a"}), a=FAILED)
    assert told.write["PipelineExecutionStatus"] == "Failed"
    assert told.write["FailureReason"].endswith("a: it broke")
    assert told.again is None
    done = decided(execution(), steps("a"), a=SUCCEEDED)
    assert done.write == {"PipelineExecutionStatus": "Succeeded"}
    assert decided(execution("Failed"), steps("a"), a=FAILED).again is None


def test_a_reason_that_is_too_long_is_cut() -> None:
    told = decided(execution(), steps("a"), a=Standing("Failed", reason="x" * 5000))
    assert len(told.write["FailureReason"]) == LONGEST


def test_a_stopping_execution_tells_what_runs_and_ends_with_it() -> None:
    stopping = execution("Stopping")
    told = decided(stopping, steps("a", "b", after={"b": "a"}), a=EXECUTING)
    assert isinstance(told, Act)
    assert (told.effect, told.steps) == ("stop", ("a",))
    assert decided(stopping, steps("a"), a=Standing("Stopping")).effect == "none"
    ended = decided(stopping, steps("a"), a=Standing("Stopped"))
    assert ended.write["PipelineExecutionStatus"] == "Stopped"


def test_what_is_to_be_taken_over_comes_first_and_may_fail_the_whole() -> None:
    first = next_step(execution(), World(definition=steps("a"), unprepared=True), NOON)
    assert first.effect == "prepare"
    told = next_step(execution(), World(definition=steps("a"), fault="no experiment"), NOON)
    assert (told.write["PipelineExecutionStatus"], told.write["FailureReason"]) == ("Failed", "no experiment")


def test_whoever_started_an_execution_is_told_its_end() -> None:
    assert decided(execution(_Parent="p"), steps("a"), a=SUCCEEDED).wake == "p"
