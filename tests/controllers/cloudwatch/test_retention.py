"""What is let go of, and when."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.controllers.worlds import ACCOUNT, REGION, World

from clary.controllers.cloudwatch.retention import MINUTE, retain
from clary.store.metrics.alarm_history import KEPT, AlarmHistory, Item


def happened(world: World, key: str) -> Item:
    return Item(
        alarm="a",
        alarm_type="MetricAlarm",
        key=key,
        kind="StateUpdate",
        at=world.clock.now(),
        summary="s",
        data="{}",
    )


def test_an_old_item_of_history_goes_in_its_minute(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    history = AlarmHistory(world.records.database, ACCOUNT, REGION)
    history.add([happened(world, "1")])
    world.later(KEPT + timedelta(hours=1))
    history.add([happened(world, "2")])
    retain(world.means, world.clock.now())
    assert len(history.page(limit=9)) == 2
    world.later(timedelta(minutes=MINUTE))
    retain(world.means, world.clock.now())
    assert [item.key for item in history.page(limit=9)] == ["2"]
