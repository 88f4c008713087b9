"""Where a job's metrics go: under its ARN for SageMaker's metric service, and to CloudWatch as on AWS.

SDKs read the one through BatchGetMetrics, the other through GetMetricStatistics (`TrainingJobAnalytics`).
Both are there while the job runs: points are kept together with the lines they were found in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from clary.controllers.training.metrics import Points
from clary.controllers.training.transitions import history
from clary.core.document import Document
from clary.store.metrics import Columns, Metrics, Series
from clary.store.metrics.store import STANDARD, resource_points, resource_series, subject_of
from clary.store.record import Record

SPACE = "/aws/sagemaker/TrainingJobs"


def keep(metrics: Metrics, job: Record, points: Points) -> None:
    """Keep points of a job beside those it has; those of an older job of its name go."""
    place = (job.account, job.region)
    if not points:
        return
    known = metrics.summary(*place, job.arn.lower())
    if known and all(each.time < _since(job) for each in known):
        metrics.forget(*place, job.arn.lower())
    subject = subject_of([("TrainingJobName", job.name)])
    batch: list[tuple[Series, Columns]] = []
    for name, values in points.items():
        told = resource_points([(stamp, -1, value) for stamp, value in values])
        batch.append((resource_series(*place, job.arn.lower(), name), told))
        seconds = Columns.empty("qd")
        for stamp, value in values:
            seconds.append(stamp // 1000 * 1000, value)
        batch.append((Series(*place, SPACE, name, subject, "None", STANDARD), seconds))
    metrics.put(batch)


def last_values(metrics: Metrics, job: Record, definitions: Sequence[Document]) -> list[Document]:
    """Return FinalMetricDataList: for each definition its last value so far, and when it was logged."""
    summaries = metrics.summary(job.account, job.region, job.arn.lower())
    known = {each.name: each for each in summaries if each.time >= _since(job)}
    return [
        {
            "MetricName": name,
            "Value": known[name].last,
            "Timestamp": known[name].time.replace(microsecond=0),  # the API tells whole seconds
        }
        for name in (each["Name"] for each in definitions)
        if name in known
    ]


def values_of(metrics: Metrics, job: Record, name: str) -> list[float]:
    """Return what the job's present attempt has logged of one metric, in order."""
    before = [each["StartTime"] for each in history(job.doc) if each["Status"] == "Restarting"]
    start = _millis(before[-1]) + 1 if before else _millis(_since(job))
    found = metrics.read(resource_series(job.account, job.region, job.arn.lower(), name), start)
    return [value for points in found for value in points.values]


def _millis(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _since(job: Record) -> datetime:
    """Return when the job's first point may be: points count milliseconds, records microseconds."""
    return job.created - timedelta(microseconds=job.created.microsecond % 1000)
