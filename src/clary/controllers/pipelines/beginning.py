"""How an attempt of a step begins: its arguments are resolved, the cache is asked, or it ends at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from clary.controllers.means import Means
from clary.controllers.pipelines import checking, making
from clary.controllers.pipelines.checking import BASELINE, CHECKS, Check, NoBaseline
from clary.controllers.pipelines.context import Known
from clary.controllers.pipelines.results import Results, listing
from clary.controllers.pipelines.step import LOOKS, POLL, Begin, End
from clary.controllers.pipelines.things import THINGS
from clary.core.document import Document
from clary.engines.pipelines import caching, conditions
from clary.engines.pipelines.declared import Definition, StepDefinition
from clary.engines.pipelines.expressions import resolve
from clary.engines.pipelines.faults import Unresolved
from clary.store.records import Record

_EXPERIMENT = "ExperimentConfig"


class Beginning:
    """Begins attempts of steps. Nothing is written here: all of it may be repeated."""

    def __init__(self, means: Means, results: Results) -> None:
        self._means, self._results = means, results

    def of(
        self,
        execution: Record,
        whole: Definition,
        definition: StepDefinition,
        step: Record,
        now: datetime,
    ) -> Begin | End:
        """Return what to begin, or how the step has ended without anything begun."""
        known = Known(self._means, execution, whole, now, _names(step, definition))
        try:
            if definition.type == "Condition":
                holds = conditions.outcome(definition.conditions, lambda value: resolve(value, known))
                return End(status="Succeeded", members={"Metadata": {"Condition": {"Outcome": str(holds)}}})
            arguments, more = _object(definition.arguments, known), _object(definition.more, known)
        except Unresolved as fault:
            return End(status="Failed", reason=f"ClientError: {fault}", final=True)
        if definition.type == "Fail":
            return _failed(str(arguments.get("ErrorMessage", "")))
        if definition.type in CHECKS:
            check = Check(definition.type, more)
            try:
                baseline = checking.before(self._means, step, execution.doc["RoleArn"], check)
            except NoBaseline as fault:
                return End(status="Failed", reason=f"ClientError: {fault}", final=True)
            arguments = checking.with_baseline(arguments, baseline, check)
            more = {**more, BASELINE: baseline}
        arguments = self._with_experiment(execution, definition, arguments)
        thing = THINGS.get(definition.type)
        again = LOOKS if thing is None or thing.wakes else POLL
        begin = Begin(arguments=arguments, more=more, again=again)
        return self._cached(execution, definition, step, begin, now) if definition.cache.enabled else begin

    def _cached(
        self, execution: Record, definition: StepDefinition, step: Record, begin: Begin, now: datetime
    ) -> Begin | End:
        role = execution.doc["RoleArn"]
        digests = {uri: listing(self._means, role, uri) for uri in caching.reads(definition, begin.arguments)}
        parts = caching.parts(definition, begin.arguments, digests)
        found = self._results.find(step, parts, caching.oldest(definition.cache.expire_after, now))
        if found.hit is not None:
            return End(status="Succeeded", members=found.hit)
        remark = f"{definition.name} runs: {found.remark}"
        return replace(begin, parts=parts, remark=remark)

    def _with_experiment(
        self, execution: Record, definition: StepDefinition, arguments: Document
    ) -> Document:
        """Return the arguments with the execution's experiment, where the kind takes one and has none."""
        thing = THINGS.get(definition.type)
        config = execution.doc.get("PipelineExperimentConfig")
        if not config or thing is None or not thing.experiment or _EXPERIMENT in arguments:
            return arguments
        return {**arguments, _EXPERIMENT: {**config, "TrialComponentDisplayName": definition.name}}


def _names(step: Record, definition: StepDefinition) -> dict[str, str]:
    """Return the variables that name what this step makes."""
    thing = THINGS.get(definition.type)
    if thing is None or thing.name not in ("TrainingJobName", "ProcessingJobName"):
        return {}
    return {thing.name: making.name(step, thing, definition.arguments.get(thing.name))}


def _object(value: Document, known: Known) -> Document:
    return {name: resolve(each, known) for name, each in value.items()}


def _failed(message: str) -> End:
    members = {"Metadata": {"Fail": {"ErrorMessage": message}}}
    return End(status="Failed", members=members, reason=message, final=True)
