"""Serverless inference through the SDK and boto3, unmodified."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import DEMO_LOCK, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Environment = Callable[[Path], Path]


def test_sdk_2_deploys_without_instances(clary: Clary, environment: Environment, table: Path) -> None:
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(SCRIPTS / "v2_serverless.py"), str(table)).stdout
    scores = [score for [score] in _told(said, "predicted")]
    assert len(scores) == 5
    assert all(0 <= float(score) <= 1 for score in scores)
    config = {"MemorySizeInMB": 2048, "MaxConcurrency": 10}
    assert _told(said, "serverless") == config
    assert _told(said, "updated") == {**config, "MaxConcurrency": 20, "ProvisionedConcurrency": 1}
    assert re.split(r"[,\n]", _told(said, "invoked").strip()) == scores


def _told(said: str, name: str) -> Any:
    found = re.search(rf"^{name} (.*)$", said, re.M)
    assert found, said
    return json.loads(found[1])
