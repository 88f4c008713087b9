"""How an attempt of a step begins: its arguments are resolved, the cache is asked, or it ends at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from clary.controllers.means import Means, Trusts
from clary.controllers.pipelines import checking, making
from clary.controllers.pipelines.checking import BASELINE, CHECKS, Check, CheckFault
from clary.controllers.pipelines.context import Known
from clary.controllers.pipelines.results import Results, Unseen, listing
from clary.controllers.pipelines.step import LOOKS, POLL, Begin, End, refused
from clary.controllers.pipelines.things import THINGS
from clary.controllers.pipelines.trusting import distrusted
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.pipelines import caching, conditions
from clary.engines.pipelines.declared import Definition, StepDefinition
from clary.engines.pipelines.expressions import resolve, resolve_members
from clary.engines.pipelines.faults import Unresolved
from clary.store.records import Record

_EXPERIMENT = "ExperimentConfig"
_LONGEST = 3072  # ErrorMessage's own limit.


class Beginning:
    """Begins attempts of steps. Nothing is written here: all of it may be repeated."""

    def __init__(self, means: Means, results: Results, trusts: Trusts) -> None:
        self._means, self._results, self._trusts = means, results, trusts

    def of(
        self,
        execution: Record,
        whole: Definition,
        definition: StepDefinition,
        step: Record,
        now: datetime,
    ) -> Begin | End:
        """Return what to begin, or how the step has ended without anything begun."""
        if why := distrusted(self._trusts, execution):
            return End(status="Failed", reason=why, final=True)
        known = Known(self._means, execution, whole, now)
        try:
            known.name(_names(step, definition, known))
            if definition.type == "Condition":
                holds = conditions.outcome(definition.conditions, lambda value: resolve(value, known))
                return End(status="Succeeded", members={"Metadata": {"Condition": {"Outcome": str(holds)}}})
            found = Begin(
                arguments=resolve_members(definition.arguments, known),
                more=resolve_members(definition.more, known),
            )
            return self._begun(execution, definition, step, found, now)
        except (Unresolved, CheckFault) as fault:
            return End(status="Failed", reason=f"ClientError: {fault}", final=True)
        except ApiError as error:
            return refused(error)

    def _begun(
        self, execution: Record, definition: StepDefinition, step: Record, begin: Begin, now: datetime
    ) -> Begin | End:
        """Return what begins with what it is told resolved, or how it has ended."""
        arguments, more = begin.arguments, begin.more
        if definition.type == "Fail":
            return _failed(str(arguments.get("ErrorMessage", "")))
        if definition.type in CHECKS:
            check = Check(definition.type, more)
            baseline = checking.before(self._means, step, execution.doc["RoleArn"], check)
            arguments = checking.with_baseline(arguments, baseline, check)
            more = {**more, BASELINE: baseline}
        arguments = self._with_experiment(execution, definition, arguments)
        thing = THINGS.get(definition.type)
        again = LOOKS if thing is None or thing.wakes else POLL
        begin = replace(begin, arguments=arguments, more=more, again=again)
        return self._cached(execution, definition, step, begin, now) if definition.cache.enabled else begin

    def _cached(
        self, execution: Record, definition: StepDefinition, step: Record, begin: Begin, now: datetime
    ) -> Begin | End:
        role = execution.doc["RoleArn"]
        try:
            digests = {
                uri: listing(self._means, role, uri) for uri in caching.reads(definition, begin.arguments)
            }
        except Unseen as fault:
            return replace(begin, remark=f"{definition.name} runs: {fault}")
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


def _names(step: Record, definition: StepDefinition, known: Known) -> dict[str, str]:
    """Return the variables that name what this step makes."""
    thing = THINGS.get(definition.type)
    if thing is None or thing.name not in ("TrainingJobName", "ProcessingJobName"):
        return {}
    given = definition.arguments.get(thing.name)
    return {thing.name: making.name(step, thing, resolve(given, known))}


def _failed(message: str) -> End:
    members = {"Metadata": {"Fail": {"ErrorMessage": message[:_LONGEST]}}}
    return End(status="Failed", members=members, reason=message, final=True)
