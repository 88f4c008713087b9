"""A step's controller: what it resolves and sees, and the calls by which it acts."""

from __future__ import annotations

import logging
from datetime import datetime

from clary.controllers.means import Means, Trusts
from clary.controllers.pipelines import asking, checking, making, tracing
from clary.controllers.pipelines.beginning import Beginning
from clary.controllers.pipelines.checking import CHECKS
from clary.controllers.pipelines.definitions import Definitions
from clary.controllers.pipelines.narrating import narrate
from clary.controllers.pipelines.results import Results
from clary.controllers.pipelines.step import Begin, End, World, calm, next_step, refused, settle, troubled
from clary.controllers.pipelines.things import THINGS
from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.core.errors import ApiError, Moved, TryAgain
from clary.engines.pipelines.declared import StepDefinition
from clary.resources.pipelines.pipeline_execution_step import DONE, PIPELINE_EXECUTION_STEP
from clary.store.records import Record

log = logging.getLogger(__name__)


class PipelineExecutionSteps:
    """The controller of the steps of pipeline executions."""

    resource = PIPELINE_EXECUTION_STEP

    def __init__(self, means: Means, definitions: Definitions, trusts: Trusts) -> None:
        self._means = means
        self._definitions = definitions
        self._results = Results(means)
        self._beginning = Beginning(means, self._results, trusts)

    def look(self, record: Record, now: datetime) -> Step:
        """Resolve what is to begin, or see how what began stands, and decide."""
        if record.status in DONE:
            return Step(again=None)
        try:
            return calm(record, self._look(record, now))
        except (Moved, TryAgain):
            raise
        except Exception as error:
            return self._troubled(record, error)

    def act(self, record: Record, step: Step) -> Document | Step:
        """Begin an attempt, stop what it made, or keep its result."""
        try:
            return self._act(record, step)
        except (Moved, TryAgain):
            raise
        except Exception as error:
            return self._troubled(record, error)

    def _look(self, record: Record, now: datetime) -> Step:
        execution = self._means.records.by_uid(record.doc["_Parent"])
        if execution is None:  # its pipeline was deleted
            return Step(delete=True)
        whole = self._definitions.whole(execution)
        definition = whole.named[record.doc["StepName"]]
        if "_Begun" in record.doc:
            world = self._seen(record, execution.doc["RoleArn"])
        elif record.status == "Stopping" or record.doc.get("_RetryAt", now) > now:
            world = World()
        else:
            found = self._beginning.of(execution, whole, definition, record, now)
            world = World(end=found) if isinstance(found, End) else World(begin=found)
        step = next_step(record, world, definition.retry_policies, now)
        self._tell(record, world, step)
        return step

    def _act(self, record: Record, step: Step) -> Document | Step:
        execution = self._means.records.by_uid(record.doc["_Parent"])
        if execution is None:
            return Step(delete=True)
        role = execution.doc["RoleArn"]
        definition = self._definitions.whole(execution).named[record.doc["StepName"]]
        if isinstance(step, Begin):
            return self._begin(record, role, definition, step)
        if step.effect == "keep":
            self._results.keep(record, step.write)
        elif thing := THINGS.get(definition.type):
            making.stop(self._means, record, role, thing)
        else:
            asking.stop(self._means, record, role)
        return {}

    def _seen(self, record: Record, role: str) -> World:
        kind = record.doc["_Type"]
        thing = THINGS.get(kind)
        if kind == "Lineage":
            return World(end=End(status="Succeeded"))
        if thing is None:
            return World(end=asking.standing(self._means, record), stops=kind == "Callback")
        end = making.standing(self._means, record, thing)
        if end is not None and end.status == "Succeeded" and kind in CHECKS:
            end = checking.ended(self._means, record, role, end)
        return World(end=end, stops=thing.stops, wakes=thing.wakes)

    def _begin(self, record: Record, role: str, definition: StepDefinition, step: Begin) -> Step:
        """Make the step's call and remember what it made, both or neither; what is next follows from it.

        A step that was told to stop meanwhile has moved on: then nothing is made.
        """
        records = self._means.records
        now = records.clock.now()
        thing = THINGS.get(definition.type)
        try:
            if thing is not None:
                making.prepare(self._means, record, role, step.arguments)
            with records.database.write():
                members = self._made(record, role, definition, step)
                ends = definition.type == "Lineage" or (thing is not None and not thing.ends)
                due = now if ends else now + (step.again or AT_ONCE)
                records.update(record, {**members, "_Begun": True, "StepStatus": "Executing"}, due=due)
        except ApiError as error:
            return settle(record, refused(error), definition.retry_policies, now)
        return Step()  # not written: the record has moved on, and is looked at again

    def _made(self, record: Record, role: str, definition: StepDefinition, step: Begin) -> Document:
        """Make the step's call; return what the step remembers of it."""
        parts = {} if step.parts is None else {"_Parts": step.parts}
        thing = THINGS.get(definition.type)
        if definition.type == "Lineage":
            return tracing.record(self._means, record, role, step.arguments)
        if thing is None:
            return {**parts, **asking.begin(self._means, record, role, definition, step)}
        made = making.make(self._means, record, role, thing, step.arguments)
        members = {**parts, **made.members(thing)}
        if definition.type in CHECKS:
            members |= checking.begun(definition.type, step.more, step.arguments, made.arn)
        return members

    def _troubled(self, record: Record, error: Exception) -> Step:
        log.warning("%s: a step failed", record.arn, exc_info=error)
        return troubled(record, error, self._means.records.clock.now())

    def _tell(self, record: Record, world: World, step: Step) -> None:
        """Say in the execution's log what a client cannot read elsewhere."""
        if isinstance(step, Begin) and step.remark:
            narrate(self._means, record, step.remark)
