"""Image classification on a real server, through the unmodified SDKs: trained, deployed and asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import DEMO_LOCK, ROOT, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STORIES = Path(__file__).parent


def test_sdk_2_trains_from_files_and_a_manifest_and_answers(
    clary: Clary, environment: Callable[[Path], Path]
) -> None:
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(ROOT / "examples" / "sdk_v2_image_classification.py")).stdout
    [metrics], [streamed] = _told(said, "metrics"), _told(said, "streamed")
    assert {"train:accuracy", "validation:accuracy"} <= metrics.keys() & streamed.keys()
    [(red, blue)] = _told(said, "probabilities")
    assert red[0] > 0.5 > red[1]
    assert blue[1] > 0.5 > blue[0]
    [transformed] = _told(said, "transformed")
    assert transformed[1] > 0.5


def test_sdk_3_trains_from_records_and_on_from_the_model(
    clary: Clary, environment: Callable[[Path], Path]
) -> None:
    python = environment(STORIES / "clients" / "v3.txt") / "python"
    said = clary.run(str(python), str(STORIES / "scripts" / "v3_image_classification.py")).stdout
    [trained], [further] = _told(said, "trained"), _told(said, "trained on")
    assert "validation:accuracy" in trained
    assert further["validation:accuracy"] > 0.8
    red, blue = (one["prediction"] for one in _told(said, "answered"))
    assert red[0] > 0.5 > red[1]
    assert blue[1] > 0.5 > blue[0]


def _told(said: str, name: str) -> list[Any]:
    found = re.findall(rf"{name} ([\[{{].*)$", said, re.M)  # the SDK's log may begin the line
    assert found, said
    return [json.loads(one) for one in found]
