"""Code of a Git repository: SDK 2.x clones it where it runs, and the job trains by what the branch has."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import DEMO_LOCK, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FORGE = "https://git.example/"


def test_a_script_of_a_branch_trains(
    clary: Clary, environment: Callable[[Path], Path], tmp_path: Path
) -> None:
    word = secrets.token_hex(8)
    _repository(tmp_path / "team" / "model.git", {"main": "wrong", "trial": word})
    settings = [  # git finds the forge on this disk: the SDK takes addresses of https and ssh only
        "GIT_CONFIG_COUNT=2",
        f"GIT_CONFIG_KEY_0=url.file://{tmp_path}/.insteadOf",
        f"GIT_CONFIG_VALUE_0={FORGE}",
        "GIT_CONFIG_KEY_1=safe.directory",
        "GIT_CONFIG_VALUE_1=*",
    ]
    python = str(environment(DEMO_LOCK) / "python")
    program = str(Path(__file__).parent / "git_source.py")
    clary.run("env", *settings, python, program, f"{FORGE}team/model.git", "trial")
    assert f"trained by {word}" in clary.command("logs", "from-git").stdout


def _repository(path: Path, branches: dict[str, str]) -> None:
    """Make a bare repository whose branches have a script each."""
    work = path.with_suffix(".work")
    work.mkdir(parents=True)
    for branch, word in branches.items():
        _git(work, "init", "--quiet", "--initial-branch", branch)
        _git(work, "checkout", "--quiet", "--orphan", branch)
        (work / "code").mkdir(exist_ok=True)
        (work / "code" / "train.py").write_text(f"print('trained by {word}')\n")
        _git(work, "add", ".")
        _git(work, "-c", "user.email=a@example.com", "-c", "user.name=a", "commit", "--quiet", "-m", word)
    _git(work, "clone", "--quiet", "--bare", ".", str(path))


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True)  # noqa: S603, S607 - a repository of the test's own
