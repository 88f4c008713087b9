"""BlazingText on a real server, through the unmodified SDK 2.x: trained, deployed and asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import DEMO_LOCK, ROOT, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_sdk_2_trains_deploys_and_asks_a_classifier_and_word_vectors(
    clary: Clary, environment: Callable[[Path], Path]
) -> None:
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(ROOT / "examples" / "sdk_v2_blazingtext.py")).stdout
    metrics = _told(said, "metrics")
    assert metrics["validation:accuracy"] > 0.95
    first, second = _told(said, "labels")
    assert first["label"] == ["__label__sea", "__label__kitchen"]
    assert second["label"] == ["__label__kitchen", "__label__sea"]
    assert sum(first["prob"]) == pytest.approx(1, abs=1e-3)
    assert re.search(r"streamed s3://\S+/model.tar.gz$", said, re.M)
    known, unknown = _told(said, "vectors")
    assert known["word"] == "ship"
    assert len(known["vector"]) == 10
    assert any(known["vector"])
    assert unknown == {"word": "unheard", "vector": [0.0] * 10}


def _told(said: str, name: str) -> Any:
    found = re.search(rf"{name} ([\[{{].*)$", said, re.M)  # the SDK's log may begin the line
    assert found, said
    return json.loads(found[1])
