"""Metric filters: each new event of their group is measured once, whatever happens in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.controllers.worlds import ACCOUNT, NOON, REGION, World

from clary.controllers.logs_metric import MetricFilters
from clary.core.document import Document
from clary.resources.logs.metric_filter import METRIC_FILTER
from clary.store.metrics import Series
from clary.store.metrics.store import STANDARD, subject_of
from clary.store.record import Record

NOW = int(NOON.timestamp() * 1000)
COUNTED = {"metricName": "errors", "metricNamespace": "app", "metricValue": "1"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path)
    made.means.logs.create_group(ACCOUNT, REGION, "g", {})
    return made


def kept(world: World, pattern: str, *wanted: Document) -> Record:
    doc = {"logGroupName": "g", "filterName": "f", "filterPattern": pattern, "_Cursor": 0}
    return world.records.create(METRIC_FILTER, {**doc, "metricTransformations": list(wanted)}, due=NOON)


def follow(world: World, record: Record) -> Record:
    """Look and act until there is nothing to do, as the loop does."""
    controller = MetricFilters(world.means, world.clock.now)
    for _ in range(10):
        step = controller.look(record, NOON)
        if step.effect == "none":
            return record
        controller.act(record, step)
        found = world.records.by_uid(record.uid)
        assert found is not None
        record = found
    raise AssertionError("it never comes to rest")


def values(world: World, name: str, **dimensions: str) -> list[float]:
    subject = subject_of(tuple(dimensions.items()))
    series = Series(ACCOUNT, REGION, "app", name, subject, "None", STANDARD)
    return [value for columns in world.means.metrics.read(series) for value in columns.values]


def test_events_that_pass_are_counted_once(world: World) -> None:
    record = kept(world, "ERROR", COUNTED)
    world.means.logs.put(ACCOUNT, REGION, "g", "s", [(NOW, "ERROR a"), (NOW, "fine"), (NOW + 5, "ERROR b")])
    record = follow(world, record)
    assert values(world, "errors") == [1.0, 1.0]
    assert follow(world, record).version == record.version, "nothing new, nothing written"
    world.means.logs.put(ACCOUNT, REGION, "g", "s", [(NOW + 9, "ERROR c")])
    world.means.logs.put(ACCOUNT, REGION, "other", "s", [(NOW + 9, "ERROR of another group")])
    follow(world, record)
    assert values(world, "errors") == [1.0, 1.0, 1.0]


def test_values_and_dimensions_come_out_of_the_event(world: World) -> None:
    measured = {"metricName": "latency", "metricNamespace": "app", "metricValue": "$.ms"}
    record = kept(world, "{ $.ms > 10 }", {**measured, "dimensions": {"path": "$.path"}})
    events = [{"ms": 20, "path": "/a"}, {"ms": 5, "path": "/a"}, {"ms": 30.5, "path": "/b"}]
    world.means.logs.put(ACCOUNT, REGION, "g", "s", [(NOW, json.dumps(each)) for each in events])
    follow(world, record)
    assert values(world, "latency", path="/a") == [20.0]
    assert values(world, "latency", path="/b") == [30.5]


def test_a_minute_in_which_nothing_passes_has_the_default(world: World) -> None:
    record = kept(world, "ERROR", {**COUNTED, "defaultValue": 0.0})
    world.means.logs.put(ACCOUNT, REGION, "g", "s", [(NOW, "ERROR"), (NOW, "ok"), (NOW + 60_000, "ok")])
    follow(world, record)
    assert sorted(values(world, "errors")) == [0.0, 1.0]


def test_a_group_that_went_is_no_trouble(world: World) -> None:
    record = kept(world, "ERROR", COUNTED)
    world.means.logs.put(ACCOUNT, REGION, "other", "s", [(NOW, "ERROR")])
    world.means.logs.delete_group(ACCOUNT, REGION, "g")
    assert follow(world, record).doc["_Cursor"] == world.means.logs.last_event()
