"""The objective of a trial so far, as its log tells it."""

from __future__ import annotations

from clary.controllers.logs import events
from clary.controllers.means import Means
from clary.controllers.training.hosts import hosts_of
from clary.controllers.training.metric_search import search
from clary.controllers.training.metrics import every_value
from clary.controllers.training.training_job_world import own_definitions, stream_of
from clary.core.document import Document
from clary.store.records import Record

PATIENCE = 5.0  # seconds; a caller's expression that takes longer over the log tells nothing


def objective_values(means: Means, job: Record, definition: Document) -> list[float]:
    """Return the values of the objective in a training job's log, in order."""
    name = definition["TuningObjective"]["MetricName"]
    known = job.doc["AlgorithmSpecification"].get("MetricDefinitions", ())
    wanted = [each for each in known if each["Name"] == name]
    if not wanted:
        return []
    each = [events(means.logs, stream_of(job, host)) for host in hosts_of(job.doc)]
    logged = sorted((event for host in each for event in host), key=lambda event: event[0])
    if list(known) == own_definitions(job.doc):
        points = every_value(wanted, logged)
    else:  # anybody's expressions: never in here
        points, _ = search(wanted, logged, PATIENCE)
    return [value for _, value in points.get(name, ())]
