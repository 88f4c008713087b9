"""Processing jobs through both SDKs, unmodified: their outputs are those of the same script run by hand."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import CLIENTS, DATA, DEMO_LOCK, ROOT, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Environment = Callable[[Path], Path]


@pytest.fixture(scope="module")
def by_hand(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the scripts write when they are run directly, by the images' own interpreters."""
    base = tmp_path_factory.mktemp("by-hand")
    for name in ("input/data", "train", "test", "output"):
        (base / name).mkdir(parents=True)
    for folder in ("input", "input/data"):
        shutil.copy(DATA, base / folder)
    programs = {
        "sagemaker-scikit-learn": ("prepare.py", "--test-size", "0.25"), "pytorch": ("processing/embed.py",)
    }  # fmt: skip
    for image, (script, *words) in programs.items():
        python = environment(ROOT / "images" / image / "requirements.txt") / "python"
        line = [str(python), str(SCRIPTS / "code" / script), "--base", str(base), *words]
        subprocess.run(line, check=True, capture_output=True)  # noqa: S603
    made = ("train/train.csv", "test/test.csv", f"output/{DATA.stem}.txt")
    return {Path(name).name: (base / name).read_bytes() for name in made}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_sdk_2_processes_with_scripts_and_frameworks(
    clary: Clary, environment: Environment, by_hand: dict[str, bytes], tmp_path: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(SCRIPTS / "v2_processing.py"), str(DATA), str(tmp_path)).stdout
    embedded = {name: body for name, body in by_hand.items() if name.endswith(".txt")}
    tables = {name: body for name, body in by_hand.items() if name.endswith(".csv")}
    assert files(tmp_path / "sklearn") == files(tmp_path / "script") == tables
    assert files(tmp_path / "pytorch") == files(tmp_path / "huggingface") == embedded
    assert said.count(" Completed prepared 1250 rows") == 2
    assert "train 937 rows of 1 files" in said  # the log, as the SDK shows it
    counts = {name: json.loads(body) for name, body in files(tmp_path / "sharded").items()}
    assert {host: sorted(found) for host, found in counts.items()} == {
        "algo-1.json": ["0.csv", "2.csv"],
        "algo-2.json": ["1.csv", "3.csv"],
    }
    for case, words in {
        "absent data": "No S3 objects found under S3 URL",
        "bad path": "must be a full path below /opt/ml/processing/",
        "same path": "asked for twice",
        "absent bucket": "Create the bucket 'absent-9f1', or name another",
    }.items():
        assert re.search(rf"REFUSED {case} .*{re.escape(words)}", said), said
    failed = re.search(r"FAILED (.*)", said)
    assert failed, said
    reason = json.loads(failed[1])
    assert "No objects to concatenate" in reason and "prepare.py" in reason and "exit code: 1" in reason


def test_sdk_3_processes_with_scripts_and_frameworks(
    clary: Clary, environment: Environment, by_hand: dict[str, bytes], tmp_path: Path
) -> None:
    python = environment(CLIENTS / "v3.txt") / "python"
    said = clary.run(str(python), str(SCRIPTS / "v3_processing.py"), str(DATA), str(tmp_path)).stdout
    assert "script Completed prepared 1250 rows" in said
    assert files(tmp_path / "script") | files(tmp_path / "pytorch") == by_hand
