"""The definition an execution runs: parsed once for each version, cut to what was selected."""

from __future__ import annotations

from functools import lru_cache

from clary.controllers.means import Means
from clary.engines.pipelines import definition, selective
from clary.engines.pipelines.declared import Definition
from clary.engines.pipelines.standings import standing
from clary.store.records import Record

_REMEMBERED = 256  # definitions; a version never changes, and what an execution runs neither


class Definitions:
    """What executions run."""

    def __init__(self, means: Means) -> None:
        self._records = means.records
        self._parsed = lru_cache(_REMEMBERED)(self._parse)

    def whole(self, execution: Record) -> Definition:
        """Return the whole definition of an execution's version."""
        return self._parsed(execution.doc["_Version"])

    def run(self, execution: Record) -> Definition:
        """Return the definition of what an execution runs: of all, or of what was selected."""
        config = execution.doc.get("SelectiveExecutionConfig")
        if not config:
            return self.whole(execution)
        selected = [each["StepName"] for each in config["SelectedSteps"]]
        before = execution.doc["_Taken"]
        earlier = {name: standing(doc) for name, doc in before.items()} if before is not None else None
        return selective.plan(self.whole(execution), selected, earlier).definition

    def _parse(self, uid: str) -> Definition:
        version = self._records.by_uid(uid)
        if version is None:
            raise LookupError(f"the version {uid} of a pipeline is gone")
        return definition.parse(version.doc["PipelineDefinition"])
