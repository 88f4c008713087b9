"""The guide about processing jobs: its examples run as written, and print what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.conftest import clary as a_server
from tests.stories.conftest import environment as environments
from tests.stories.server import DEMO_LOCK, Clary

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guide-processing.md").read_text()
BLOCKS = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", GUIDE, re.DOTALL))
clary, environment = a_server, environments


def test_every_example_has_a_name() -> None:
    assert set(BLOCKS) == {"prepare.py", "run.py", "call.py"}
    assert GUIDE.count("```python") == len(BLOCKS)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_examples_process(
    clary: Clary, environment: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, block in BLOCKS.items():
        (tmp_path / name).write_text(block)
    monkeypatch.chdir(tmp_path)  # where a reader would be
    said = clary.run(str(environment(DEMO_LOCK) / "python"), "run.py").stdout
    assert "Completed - 75 rows to train with, of 100\n['train', 'test']" in said
    assert clary.run("python", "call.py").stdout == "ada\ngrace\n\n"
    for words in (("sorted-names",), ("sorted-names", "--follow")):  # which ends with the job
        assert clary.command("logs", *words).stdout.splitlines() == ["ada", "grace"]
