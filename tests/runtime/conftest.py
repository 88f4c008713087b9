"""What the tests of the runtime stand on: real sandboxes, real processes, a temporary home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.machine import Machine, build_tiny

from clary.runtime.local_provisioner import LocalProvisioner


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the tiny image in it, built once."""
    return build_tiny(tmp_path_factory.mktemp("images"))


@pytest.fixture
def machine(tmp_path: Path, cache: Path) -> Iterator[Machine]:
    """A machine with plenty of room, so that no test waits for another's run."""
    found = Machine(tmp_path / "home", cache, provisioner=LocalProvisioner(memory=64 << 30))
    yield found
    found.close()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A directory of the test's own that is the current one, so that a socket's name in it is short."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield Path()
    os.chdir(before)
