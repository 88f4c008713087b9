"""An execution's controller: how its steps stand, and how they begin and are told to stop: by records."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from clary.controllers.means import Means, Trusts
from clary.controllers.pipelines.context import Known
from clary.controllers.pipelines.definitions import Definitions
from clary.controllers.pipelines.execution import DONE, Act, World, next_step
from clary.controllers.pipelines.results import KEPT
from clary.controllers.pipelines.trusting import distrusted
from clary.controllers.step import Step
from clary.core.document import Document
from clary.core.errors import ApiError, Moved
from clary.engines.pipelines import retrying
from clary.engines.pipelines.declared import StepDefinition
from clary.engines.pipelines.expressions import resolve
from clary.engines.pipelines.faults import Unresolved
from clary.engines.pipelines.standings import standing
from clary.resources.experiments.experiment import EXPERIMENT
from clary.resources.experiments.trial import TRIAL
from clary.resources.pipelines.pipeline_execution import PIPELINE_EXECUTION
from clary.resources.pipelines.pipeline_execution_step import DONE as STEP_DONE
from clary.resources.pipelines.pipeline_execution_step import PIPELINE_EXECUTION_STEP
from clary.resources.spec import Resource
from clary.store.record import key_of
from clary.store.records import Record, Records

_CONFIG = "PipelineExperimentConfig"


class PipelineExecutions:
    """The controller of pipeline executions."""

    resource = PIPELINE_EXECUTION

    def __init__(self, means: Means, definitions: Definitions, trusts: Trusts) -> None:
        self._means, self._trusts = means, trusts
        self._definitions = definitions

    def look(self, record: Record, now: datetime) -> Step:
        """Ask how the steps stand, and decide."""
        if record.status in DONE:
            return Step(again=None)
        definition = self._definitions.run(record)
        standings = {each.doc["StepName"]: standing(each.doc) for each in self._steps(record)}
        unprepared = "_Prepared" not in record.doc and bool(
            definition.experiment_config or record.doc.get("_Taken")
        )
        world = World(
            definition=definition,
            standings=standings,
            unprepared=unprepared,
            fault=record.doc.get("_Fault", ""),
        )
        return next_step(record, world, now)

    def act(self, record: Record, step: Step) -> Document | Step:
        """Take over what is there, begin steps, or tell them to stop."""
        if isinstance(step, Act) and step.effect == "begin":
            return replace(step, wake=self._begin(record, step.steps))
        elif isinstance(step, Act):
            self._stop(record, step.steps)
        else:
            self._take(record)
            return {"_Prepared": True, **self._experiment(record)}
        return {}

    def _steps(self, record: Record) -> list[Record]:
        under = record.doc["PipelineExecutionId"]
        return list(self._records(record).each(PIPELINE_EXECUTION_STEP, under=under))

    def _begin(self, record: Record, names: tuple[str, ...]) -> str:
        """Make the records of steps that begin; those that are there have begun. Return the first made."""
        made: list[str] = []
        definition = self._definitions.whole(record)
        records, now = self._records(record), self._means.records.clock.now()
        with records.database.write():
            for name in names:
                if records.find(PIPELINE_EXECUTION_STEP, _key(record, name)) is None:
                    doc = _born(record, definition.named[name], now)
                    made.append(records.create(PIPELINE_EXECUTION_STEP, doc, due=now).uid)
        return made[0] if made else ""

    def _stop(self, record: Record, names: tuple[str, ...]) -> None:
        """Tell steps to stop; one that was written meanwhile is told at the next look."""
        records, now = self._records(record), self._means.records.clock.now()
        for name in names:
            found = records.find(PIPELINE_EXECUTION_STEP, _key(record, name))
            if found is not None and found.status not in STEP_DONE:
                with contextlib.suppress(Moved):
                    records.update(found, {"StepStatus": "Stopping"}, due=now)

    def _take(self, record: Record) -> None:
        """Take over the results of the steps that were not selected."""
        taken: Mapping[str, Document] = record.doc.get("_Taken") or {}
        source = {"SourcePipelineExecutionArn": record.doc.get("_Source", "")}
        definition, records = self._definitions.whole(record), self._records(record)
        wanted = {step.name for step in self._definitions.run(record).steps}
        with records.database.write():
            for name, before in taken.items():
                known = name in definition.named and name not in wanted
                if known and records.find(PIPELINE_EXECUTION_STEP, _key(record, name)) is None:
                    result = {member: before[member] for member in KEPT if member in before}
                    now = self._means.records.clock.now()
                    doc = _born(record, definition.named[name], now) | result
                    doc |= {"StepStatus": "Succeeded", "EndTime": now, "SelectiveExecutionResult": source}
                    records.create(PIPELINE_EXECUTION_STEP, doc)

    def _experiment(self, record: Record) -> Document:
        """Make the experiment and the trial that the definition names; answer what they are called."""
        definition = self._definitions.whole(record)
        config = definition.experiment_config
        if not config:
            return {}
        now, role = self._means.records.clock.now(), record.doc["RoleArn"]
        if why := distrusted(self._trusts, record):
            return {"_Fault": why}
        try:
            named = resolve(config, Known(self._means, record, definition, now))
            told = dict(named) if isinstance(named, dict) else {}
            if experiment := told.get("ExperimentName"):
                named_so = {"ExperimentName": experiment}
                self._ensure(record, role, EXPERIMENT, "CreateExperiment", named_so)
                if trial := told.get("TrialName"):
                    self._ensure(record, role, TRIAL, "CreateTrial", {**named_so, "TrialName": trial})
        except Unresolved as fault:
            return {"_Fault": f"ClientError: {fault}"}
        except ApiError as error:
            if retrying.passes(error.code):
                raise
            return {"_Fault": f"ClientError: The execution's experiment: {error.message} ({error.code})"}
        return {_CONFIG: told}

    def _ensure(
        self, record: Record, role: str, resource: Resource, operation: str, request: Document
    ) -> None:
        """Make what has a name unless it is there."""
        records, key = self._records(record), key_of(resource, request)
        if records.find(resource, key) is not None:
            return
        try:
            self._means.call_as(role, record.region, operation, request, {})
        except ApiError:
            if records.find(resource, key) is None:
                raise  # else another execution has made it meanwhile

    def _records(self, record: Record) -> Records:
        return self._means.records.scoped(record.account, record.region)


def _born(record: Record, definition: StepDefinition, now: datetime) -> Document:
    """Return the record of a step that begins."""
    doc: Document = {
        **{
            name: record.doc[name] for name in ("PipelineName", "PipelineExecutionId", "PipelineExecutionArn")
        },
        "StepName": definition.name,
        "StartTime": now,
        "_Parent": record.uid,
        "_Type": definition.type,
    }
    if definition.display_name:
        doc["StepDisplayName"] = definition.display_name
    if definition.description:
        doc["StepDescription"] = definition.description
    return doc


def _key(record: Record, name: str) -> str:
    named = {"PipelineExecutionId": record.doc["PipelineExecutionId"], "StepName": name}
    return key_of(PIPELINE_EXECUTION_STEP, named)
