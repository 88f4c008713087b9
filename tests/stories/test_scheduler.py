"""Triggers of pipelines through the SDK, unmodified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import DEMO_LOCK, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_sdk_2_starts_a_pipeline_by_the_clock(clary: Clary, environment: Callable[[Path], Path]) -> None:
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(SCRIPTS / "v2_scheduler.py")).stdout
    assert "triggers ['schedule/default/often', 'schedule/default/once']" in said
    assert "told rate(1 day)" in said
    assert "executions 2" in said
    assert "anew cron(0 3 * * ? *) DISABLED" in said
    left = clary.client("scheduler").list_schedules()["Schedules"]
    assert left == []
