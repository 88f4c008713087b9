"""What an execution knows when one of its steps begins: its parameters, and what the steps before it made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property

from clary.controllers.means import Means
from clary.controllers.pipelines.checking import CHECKS, properties
from clary.controllers.pipelines.things import THINGS, Thing, operation_of
from clary.controllers.s3 import DataFault
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.pipelines import parameters, retrying
from clary.engines.pipelines.declared import Definition, Value
from clary.engines.pipelines.expressions import Json
from clary.engines.pipelines.faults import Unresolved
from clary.resources.pipelines.pipeline_execution_step import PIPELINE_EXECUTION_STEP
from clary.resources.tuning.hyper_parameter_tuning_job import HYPER_PARAMETER_TUNING_JOB
from clary.store.record import key_of
from clary.store.records import Record

LONGEST_FILE = 10 << 20  # bytes of a property file; the whole of it is read at each look into it
_VARIABLES = ("PipelineName", "PipelineArn", "PipelineExecutionId", "PipelineExecutionArn")
_TRIALS = "ListTrainingJobsForHyperParameterTuningJob"


class Known:
    """The context of one execution at one moment; what was asked once is remembered."""

    def __init__(self, means: Means, execution: Record, definition: Definition, now: datetime) -> None:
        self._means, self._execution, self._definition, self._now = means, execution, definition, now
        self._names: Mapping[str, str] = {}
        self._files: dict[str, Json] = {}
        self._records = means.records.scoped(execution.account, execution.region)
        self._properties: dict[str, Document] = {}

    @cached_property
    def parameters(self) -> Mapping[str, Value]:
        """The execution's parameters in their types."""
        given = {each["Name"]: each["Value"] for each in self._execution.doc["PipelineParameters"]}
        return parameters.values(self._definition, given)

    def name(self, names: Mapping[str, str]) -> None:
        """Let variables name what the step makes."""
        self._names = names

    @property
    def execution(self) -> Mapping[str, str]:
        """The execution's variables."""
        doc = self._execution.doc
        return {
            **{name: str(doc[name]) for name in _VARIABLES},
            **doc.get("PipelineExperimentConfig", {}),
            "StartDateTime": _instant(self._execution.created),
            "CurrentDateTime": _instant(self._now),
            **self._names,
        }

    def properties(self, step: str) -> Document:
        """Return what Describe answers of what a step made, its OutputParameters and Outcome too."""
        if step not in self._properties:
            self._properties[step] = self._read(step)
        return self._properties[step]

    def property_file(self, step: str, name: str) -> Json:
        """Return what a step's property file holds."""
        reference = f"Steps.{step}.PropertyFiles.{name}"
        [file] = [each for each in self._definition.named[step].property_files if each.name == name]
        outputs = self.properties(step).get("ProcessingOutputConfig", {}).get("Outputs", [])
        output = next((each for each in _listed(outputs) if each.get("OutputName") == file.output), {})
        uri = output.get("S3Output", {}).get("S3Uri")
        if uri is None:
            raise Unresolved(reference, f"the step {step} has no output {file.output}")
        return self._json(f"{uri.rstrip('/')}/{file.path}", reference)

    def json_object(self, uri: str) -> Json:
        """Return the JSON of an object in S3."""
        return self._json(uri, uri)

    def _json(self, uri: str, reference: str) -> Json:
        if uri not in self._files:
            self._files[uri] = self._parsed(uri, reference)
        return self._files[uri]

    def _parsed(self, uri: str, reference: str) -> Json:
        try:
            path = self._means.as_role(self._execution.doc["RoleArn"]).one(uri)
            if path.stat().st_size > LONGEST_FILE:
                raise Unresolved(reference, f"{uri} has more than {LONGEST_FILE >> 20} MiB")
            found: Json = json.loads(path.read_bytes())
        except DataFault as fault:
            raise Unresolved(reference, str(fault)) from fault
        except (ValueError, RecursionError) as error:
            raise Unresolved(reference, f"{uri} is not JSON: {error}") from error
        return found

    def _read(self, name: str) -> Document:
        key = key_of(
            PIPELINE_EXECUTION_STEP,
            {"PipelineExecutionId": self._execution.doc["PipelineExecutionId"], "StepName": name},
        )
        step = self._records.find(PIPELINE_EXECUTION_STEP, key)
        if step is None:
            raise Unresolved(f"Steps.{name}", "the step has not run")
        outcome = step.doc.get("Metadata", {}).get("Condition", {}).get("Outcome")
        found: Document = {} if outcome is None else {"Outcome": outcome}
        if "_Outputs" in step.doc:
            found["OutputParameters"] = step.doc["_Outputs"]
        found |= step.doc.get("Metadata", {}).get("Lineage", {})
        if step.doc["_Type"] in CHECKS:
            found |= properties(step.doc)
        thing = THINGS.get(step.doc["_Type"])
        if thing is not None and "_Made" in step.doc:
            found |= self._described(name, thing, step.doc["_Made"])
        return found

    def _described(self, step: str, thing: Thing, made: Document) -> Document:
        named = {thing.name: made["Name"]}
        found = self._asked(step, operation_of(thing, "Describe", made), named)
        if thing.resource is HYPER_PARAMETER_TUNING_JOB:
            best_first = {"SortBy": "FinalObjectiveMetricValue", "SortOrder": _best_first(found)}
            found |= self._asked(step, _TRIALS, {**named, **best_first, "MaxResults": 100})
        return found

    def _asked(self, step: str, operation: str, request: Document) -> Document:
        role, region = self._execution.doc["RoleArn"], self._execution.region
        try:
            told = self._means.call_as(role, region, operation, request, {})
        except ApiError as error:
            if retrying.passes(error.code):
                raise
            raise Unresolved(f"Steps.{step}", error.message) from error
        return {name: _plain(value) for name, value in told.items()}


def _best_first(tuning_job: Document) -> str:
    """Return the order in which the best training job of a tuning job comes first."""
    objective = tuning_job["HyperParameterTuningJobConfig"].get("HyperParameterTuningJobObjective", {})
    return "Ascending" if objective.get("Type") == "Minimize" else "Descending"


def _plain(value: object) -> object:
    """Return an answer as JSON says it."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return _instant(value) if isinstance(value, datetime) else value


def _listed(value: object) -> list[Document]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _instant(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"
