"""Where a job's metrics go: under its ARN for SageMaker's metric service, and to CloudWatch as on AWS.

SDKs read the one through BatchGetMetrics, the other through GetMetricStatistics (`TrainingJobAnalytics`).
"""

from __future__ import annotations

from clary.controllers.training.metrics import Points
from clary.store.metrics import Columns, Metrics, Series
from clary.store.metrics.store import STANDARD, resource_points, resource_series, subject_of
from clary.store.record import Record

SPACE = "/aws/sagemaker/TrainingJobs"


def keep(metrics: Metrics, job: Record, points: Points) -> None:
    """Keep a job's points, once; those of an older job of its name go."""
    place = (job.account, job.region)
    if not points:
        return
    if known := metrics.summary(*place, job.arn.lower()):
        if any(each.time >= job.created for each in known):
            return
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
