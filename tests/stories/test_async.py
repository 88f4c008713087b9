"""Asynchronous inference through the SDK, unmodified."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import DEMO_LOCK, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Environment = Callable[[Path], Path]


def test_sdk_2_predicts_asynchronously_and_hears_of_it(
    clary: Clary, environment: Environment, table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(SCRIPTS / "v2_async.py"), str(table)).stdout
    assert "AsyncPredictor sagemaker-xgboost-" in said, said
    waited = _told(said, "waited")
    assert len(_flat(waited)) == 5 and all(0 <= float(score) <= 1 for score in _flat(waited))
    assert _told(said, "later True") == waited
    assert _flat(_told(said, "attached")) == _flat(waited)[:1]
    assert "could not convert string to float" in _told(said, "failed")
    messages = [json.loads(text) for text in re.findall(r"^message (.*)$", said, re.M)]
    states = sorted(each["invocationStatus"] for each in messages)
    assert states == ["Completed", "Completed", "Completed", "Failed"]
    (mine,) = [each for each in messages if each["inferenceId"] == "rows"]
    body = base64.b64decode(mine["responseBody"]["content"]).decode()
    assert re.split(r"[,\n]", body.strip()) == _flat(waited)


def _flat(rows: Any) -> list[str]:
    return [value for row in rows for value in row]


def _told(said: str, name: str) -> Any:
    found = re.search(rf"^{name} (.*)$", said, re.M)
    assert found, said
    return json.loads(found[1])
