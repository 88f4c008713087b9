"""One server for all tests that kill its processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.crash.site import Site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a server; whatever a test killed is up again for the next one."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.up()
    yield made
    made.open_gates()
    made.down()
