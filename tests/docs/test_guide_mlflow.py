"""The guide about MLflow: its examples run as written, and print what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.stories.conftest import clary as a_server
from tests.stories.conftest import environment as environments
from tests.stories.server import CLIENTS, Clary

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guide-mlflow.md").read_text()
BLOCKS = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", GUIDE, re.DOTALL))
clary, environment = a_server, environments


def test_every_example_has_a_name() -> None:
    assert list(BLOCKS) == ["create.py", "log.py", "registry.py", "pages.py"]
    assert GUIDE.count("```python") == len(BLOCKS)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_examples_log_register_load_and_open_the_pages(
    clary: Clary, environment: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, block in BLOCKS.items():
        (tmp_path / name).write_text(block)
    monkeypatch.chdir(tmp_path)  # where a reader would be
    python = str(environment(CLIENTS / "v3.txt") / "python")
    shown = re.search(r"prints\n\n {4}(.*)\n", GUIDE)
    assert shown
    assert clary.run(python, "create.py").stdout.strip() == shown[1]
    assert "[1]" in clary.run(python, "log.py").stdout
    assert re.fullmatch(r"churn-[0-9a-f]{6} 1 1", clary.run(python, "registry.py").stdout.strip())
    address = urlsplit(clary.run(python, "pages.py").stdout.strip())
    assert (address.hostname, address.query[:10]) == ("127.0.0.1", "authToken=")
