"""The life of executions, for the suites of pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.operations.pipelines.life import Life

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def life(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Life:
    return Life(server, tmp_path_factory.mktemp("runs"))
