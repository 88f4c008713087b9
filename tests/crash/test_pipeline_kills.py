"""kill -9 at seeded moments: each execution ends once, with each step's effect once."""

from __future__ import annotations

import pytest
from tests.crash.pipeline_kills import Kills


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_execution_ends_once_whoever_is_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    kills = Kills(tmp_path_factory.mktemp("kills"), seed=12)
    try:
        assert kills.run(12)
    finally:
        kills.down()
