"""The guide about pipelines: its examples run as written, and end as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.stories.conftest import clary as a_server
from tests.stories.server import Clary

from clary.engines.pipelines.kinds import KINDS, NOT_RUN

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guide-pipelines.md").read_text()
BLOCKS = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", GUIDE, re.DOTALL))
clary = a_server


def test_every_example_has_a_name_and_every_kind_a_line() -> None:
    assert set(BLOCKS) == {"make.py", "run.py"}
    assert GUIDE.count("```python") == len(BLOCKS)
    rows = " ".join(line.split("|")[1] for line in GUIDE.splitlines() if line.startswith("| "))
    assert set(re.findall(r"\w+", rows)) - {"Step"} == {*KINDS, *NOT_RUN}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_examples_end_as_they_say(clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, block in BLOCKS.items():
        (tmp_path / name).write_text(block)
    monkeypatch.chdir(tmp_path)
    clary.client("s3").create_bucket(Bucket="sagemaker-us-east-1-000000000000")
    clary.run("python", "make.py")
    enough = clary.run("python", "run.py", "3").stdout
    assert [line.rstrip() for line in enough.splitlines()] == [
        "Succeeded",
        "Count Succeeded",
        "Check Succeeded",
    ]
    shown = re.search(r"^    Failed\n(?:    .*\n)+", GUIDE, re.M)
    assert shown is not None
    wanted = [line.strip() for line in shown[0].splitlines()]
    few = clary.run("python", "run.py", "10").stdout
    assert [line.rstrip() for line in few.splitlines()] == wanted
    assert _plain(clary.command("pipeline", "Words").stdout) == _plain(_indented("Words "))


def _indented(start: str) -> str:
    """Return the indented block of the guide that begins with a word."""
    shown = re.search(rf"^    {start}.*\n(?:    .*\n)+", GUIDE, re.M)
    assert shown is not None
    return re.sub(r"^    ", "", shown[0], flags=re.M)


def _plain(told: str) -> list[str]:
    """Return what was printed without ids, times and what follows the first sentence of the last line."""
    text = re.sub(r"\b[a-z0-9]{12}\b|Count-\w{10}|20\d\d-\S+ \S+|\d+\.\d s", "", told)
    *lines, last = text.splitlines()
    return [*lines, last.partition(".")[0]]
