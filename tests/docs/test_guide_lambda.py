"""The guide about functions: its examples run as written, and print what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.conftest import clary as a_server
from tests.stories.conftest import environment as environments
from tests.stories.server import DEMO_LOCK, Clary

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guide-lambda.md").read_text()
BLOCKS = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", GUIDE, re.DOTALL))
clary, environment = a_server, environments


def test_every_example_has_a_name() -> None:
    assert set(BLOCKS) == {"greet.py", "create.py", "sdk.py"}
    assert GUIDE.count("```python") == len(BLOCKS)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_examples_call_functions(
    clary: Clary, environment: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, block in BLOCKS.items():
        (tmp_path / name).write_text(block)
    monkeypatch.chdir(tmp_path)  # where a reader would be
    shown = re.search(r"prints\n\n((?: {4}.*\n)+)", GUIDE)
    assert shown
    told = "".join(line.removeprefix("    ") for line in shown[1].splitlines(keepends=True))
    assert clary.run("python", "create.py").stdout == told
    said = clary.run(str(environment(DEMO_LOCK) / "python"), "sdk.py").stdout
    assert [line for line in said.splitlines() if line.isdigit()] == ["1", "2"]
