"""Image environments, built once into the cache that the product uses."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.images.container import IMAGES, Container

from clary.core.settings import Settings
from clary.runtime import builder, images, index


@pytest.fixture
def container(tmp_path: Path) -> Container:
    """A container run by this interpreter: enough for the toolkit, which needs no image."""
    return Container(tmp_path)


@pytest.fixture(scope="session")
def interpreter() -> Callable[[str], str]:
    """Return a function that gives an image's interpreter, building its environment when it is not there."""

    def build(name: str) -> str:
        cache = Settings.from_environment(os.environ).cache
        source = images.read(IMAGES / name / "image.toml")
        built = builder.ensure(source, cache, index.from_pip(os.environ))
        return str(built.prefix / "bin" / "python")

    return build


@pytest.fixture
def image(tmp_path: Path, interpreter: Callable[[str], str]) -> Callable[[str], Container]:
    """Return a function that gives a container of an image."""
    return lambda name: Container(tmp_path, interpreter(name), name)
