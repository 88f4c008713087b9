"""DeepAR on a real server, through the unmodified SDK 2.x: trained, deployed and asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import DEMO_LOCK, ROOT, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_sdk_2_trains_deploys_and_forecasts(clary: Clary, environment: Callable[[Path], Path]) -> None:
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(ROOT / "examples" / "sdk_v2_deepar.py")).stdout
    metrics = _told(said, "metrics")
    assert metrics["test:mean_wQuantileLoss"] < 0.2
    assert {"test:RMSE", "train:final_loss"} <= metrics.keys()
    for forecast, actual in zip(_told(said, "forecasts"), _told(said, "actual"), strict=True):
        assert len(forecast["mean"]) == len(actual) == 7
        assert sum(forecast["mean"]) == pytest.approx(sum(actual), rel=0.4)
        assert sorted(forecast["quantiles"]) == ["0.1", "0.9"]


def _told(said: str, name: str) -> Any:
    found = re.search(rf"{name} ([\[{{].*)$", said, re.M)  # the SDK's log may begin the line
    assert found, said
    return json.loads(found[1])
