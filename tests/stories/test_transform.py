"""Batch transform through both SDKs, unmodified."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import CLIENTS, DEMO_LOCK, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Environment = Callable[[Path], Path]


def test_sdk_2_transforms_by_estimators_and_models(
    clary: Clary, environment: Environment, table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(SCRIPTS / "v2_transform.py"), str(table)).stdout
    assert _told(said, "names") == ["a/one.csv.out", "two.csv.out"]
    associated = _told(said, "associated")
    assert [name for name, _ in associated] == ["id0", "id1", "id2"]
    assert all(0 <= float(score) <= 1 for _, score in associated)
    assert "attached 2 Line" in said
    assert re.search(r"\[sagemaker logs\]: MaxConcurrentTransforms=\d+, MaxPayloadInMB=6", said), said
    score, identity, at = _told(said, "identified")
    assert 0 <= float(score) <= 1
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", identity)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at)
    (given, _, *inputs), (made, _, *results) = _told(said, "captured")
    assert re.fullmatch(r"input/\d{4}/\d\d/\d\d/\d\d/\w+\.json", given) and made.startswith("output/")
    assert inputs == ["a/one.csv", "two.csv"] and results == ["a/one.csv.out", "two.csv.out"]
    for framework in ("SKLearn", "PyTorch"):
        assert f"{framework} transforms 60 of 60" in said, said


def test_sdk_3_transforms_csv_and_json_lines(clary: Clary, environment: Environment) -> None:
    python = environment(CLIENTS / "v3.txt") / "python"
    said = clary.run(str(python), str(SCRIPTS / "v3_transform.py")).stdout
    assert said.count("status Completed") == 2, said
    first, last = _told(said, "csv 200")
    assert first["predicted_label"] == 0 and last["predicted_label"] == 1
    first, last = _told(said, "joined 200")
    assert first["id"] == 0 and first["SageMakerOutput"]["predicted_label"] == 0
    assert last["id"] == 199 and last["SageMakerOutput"]["predicted_label"] == 1


def _told(said: str, name: str) -> Any:
    found = re.search(rf"{name} ([\[{{].*)$", said, re.M)
    assert found, said
    return json.loads(found[1])
