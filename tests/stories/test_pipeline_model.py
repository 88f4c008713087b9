"""An inference pipeline through SDK 2.x, unmodified: deployed, captured, updated by a canary."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import DEMO_LOCK, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_sdk_2_deploys_a_pipeline_of_two_frameworks(
    clary: Clary, environment: Callable[[Path], Path], table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(SCRIPTS / "v2_pipeline_model.py"), str(table)).stdout
    right = re.search(r"right (\d+)", said)
    assert right and int(right[1]) >= 45, said
    captured = re.search(r"captured (.*)", said)
    assert captured and json.loads(captured[1]) == ["CSV", "text/csv; charset=utf-8"], said
    assert "deployed ['BlueGreenUpdatePolicy'] Started" in said, said
    assert "again True" in said, said
