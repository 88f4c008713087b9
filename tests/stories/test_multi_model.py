"""Many models on one endpoint through SDK 2.x, unmodified: added, listed and called while it serves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import DEMO_LOCK, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_sdk_2_serves_many_models_on_one_endpoint(
    clary: Clary, environment: Callable[[Path], Path], table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(SCRIPTS / "v2_multi_model.py"), str(table)).stdout
    assert _told(said, "before") == []
    assert _told(said, "models") == ["long/model.tar.gz", "short.tar.gz"]
    short, long = _scores(said, "short"), _scores(said, "long")
    assert len(short) == len(long) == 3 and short != long
    assert all(abs(one - 0.5) <= abs(other - 0.5) for one, other in zip(short, long, strict=True)), said
    assert "again True" in said
    assert _told(said, "scalers") == ["houston", "new-york"]
    assert "scaled True 3" in said, said


def _told(said: str, name: str) -> Any:
    found = re.search(rf"^{name} (.*)$", said, re.M)
    assert found, said
    return json.loads(found[1])


def _scores(said: str, name: str) -> list[float]:
    return [float(value) for row in _told(said, name) for value in row]
