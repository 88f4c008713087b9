"""A job's metrics are one with what its log says, in both places that SDKs read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.controllers.worlds import ACCOUNT, NOON, REGION, World
from tests.store.opened import job

from clary.controllers.training.metric_series import SPACE, keep, last_values, values_of
from clary.engines.cloudwatch.series import Look
from clary.store.metrics.store import resource_series

T0 = int(NOON.timestamp()) * 1000
DIMENSIONS = (("TrainingJobName", "j"),)


def test_points_are_kept_for_both_readers_as_they_come(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    record = job(world.records, "j")
    keep(world.means.metrics, record, {"loss": [(T0 + 1500, 2.0)]})
    keep(world.means.metrics, record, {"loss": [(T0 + 61_900, 1.0)]})
    named = [{"Name": "other"}, {"Name": "loss"}]
    at = datetime.fromtimestamp(T0 // 1000 + 61, UTC)
    told = last_values(world.means.metrics, record, named)
    assert told == [{"MetricName": "loss", "Value": 1.0, "Timestamp": at}]
    [points] = world.means.metrics.read(resource_series(ACCOUNT, REGION, record.arn.lower(), "loss"))
    assert (list(points.times), list(points.values)) == ([T0 + 1500, T0 + 61_900], [2.0, 1.0])
    look = Look(SPACE, "loss", DIMENSIONS, 60, T0 // 1000, T0 // 1000 + 3600)
    [(unit, seen)] = world.means.metrics.look(ACCOUNT, REGION, look)
    assert (unit, list(seen.values)) == ("None", [2.0, 1.0])


def test_points_of_an_older_job_of_the_name_go(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    old = job(world.records, "j")
    keep(world.means.metrics, old, {"loss": [(T0, 2.0)], "gone": [(T0, 2.0)]})
    world.records.delete(old)
    world.later(timedelta(hours=1))
    new = job(world.records, "j")
    assert last_values(world.means.metrics, new, [{"Name": "loss"}]) == []
    keep(world.means.metrics, new, {"loss": [(T0 + 3_600_000, 1.0)]})
    told = world.means.metrics.summary(ACCOUNT, REGION, new.arn.lower())
    assert [(each.name, each.count, each.last) for each in told] == [("loss", 1, 1.0)]


def test_a_job_that_began_again_is_told_of_its_present_attempt_alone(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    record = job(world.records, "j")
    keep(world.means.metrics, record, {"loss": [(T0, 9.0), (T0 + 2000, 8.0)], "other": [(T0, 1.0)]})
    assert values_of(world.means.metrics, record, "loss") == [9.0, 8.0]
    again = {"Status": "Restarting", "StartTime": NOON + timedelta(seconds=2), "StatusMessage": "again"}
    restarted = replace(record, doc={**record.doc, "SecondaryStatusTransitions": [again]})
    assert values_of(world.means.metrics, restarted, "loss") == []
    keep(world.means.metrics, restarted, {"loss": [(T0 + 2001, 7.0), (T0 + 2001, 6.0)]})
    assert values_of(world.means.metrics, restarted, "loss") == [7.0, 6.0]
    assert values_of(world.means.metrics, restarted, "none") == []
