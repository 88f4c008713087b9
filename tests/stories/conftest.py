"""A real server in a directory of its own, and clients in environments of their own."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.stories.server import CLIENTS, DATA, Clary, run


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    """A server on a free port; stopped with all it runs at the end."""
    server = Clary(tmp_path_factory.mktemp("home"))
    server.command("up", "--port", "0", "--detach")
    try:
        yield server
    finally:
        server.command("down", "--yes", "--now")


@pytest.fixture(scope="session")
def environment() -> Callable[[Path], Path]:
    """Return a function that gives the `bin` of a client environment for a hashed lock."""

    def build(lock: Path) -> Path:
        line = [sys.executable, "-m", "clary.runtime.environment", str(lock)]
        done = run(line, check=True)
        return Path(done.stdout.strip().splitlines()[-1]) / "bin"

    return build


@pytest.fixture(scope="session")
def aws2(environment: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 2 of the AWS CLI: a binary, unpacked from the package that carries it."""
    (carried,) = environment(CLIENTS / "cli2.txt").parent.rglob("asset-awscli-v2*.tgz")
    folder = tmp_path_factory.mktemp("aws2")
    with tarfile.open(carried) as tar:
        tar.extract("package/lib/layer.zip", folder, filter="data")
    with zipfile.ZipFile(folder / "package" / "lib" / "layer.zip") as layer:
        layer.extractall(folder)  # noqa: S202 - a pinned package, hashed in its lock
    (found,) = folder.glob("awscli/v2/*/dist/aws")
    found.chmod(0o755)
    return found


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's data as the built-in algorithms want it: no header, label first."""
    rows = [line.split(",") for line in DATA.read_text().splitlines()[1:]]
    path = tmp_path_factory.mktemp("data") / "train.csv"
    path.write_text("\n".join(",".join([row[-1], *row[:-1]]) for row in rows) + "\n")
    return path
