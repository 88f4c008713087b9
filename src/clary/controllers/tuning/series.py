"""The objective of a trial so far, as the points tell it that are kept with the lines of its log."""

from __future__ import annotations

from clary.controllers.means import Means
from clary.controllers.training.metric_series import values_of
from clary.core.document import Document
from clary.store.records import Record


def objective_values(means: Means, job: Record, definition: Document) -> list[float]:
    """Return the values of the objective in the log of a training job's present attempt, in order."""
    name = definition["TuningObjective"]["MetricName"]
    known = job.doc["AlgorithmSpecification"].get("MetricDefinitions", ())
    return values_of(means.metrics, job, name) if any(each["Name"] == name for each in known) else []
