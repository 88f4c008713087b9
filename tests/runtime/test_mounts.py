"""A directory of this machine inside a job: to read or to write, and no way around it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.machine import Machine

from clary.core.ids import uid as new_uid
from clary.runtime.spec import Mount, RunSpec


def run(machine: Machine, script: str, *mounts: Mount) -> tuple[int | None, str, str]:
    """Run a shell script with directories shown; return how it ended, what it printed and why it failed."""
    uid = new_uid()
    spec = RunSpec(uid=uid, image="tiny", program="train", command=("sh", "-c", script), mounts=mounts)
    machine.runtime.start(spec)
    seen = machine.until(uid)
    return seen.exit_code, machine.printed(uid), seen.failure


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "images" / "deep").mkdir(parents=True)
    (folder / "images" / "deep" / "a").write_text("picture")
    return folder


def test_a_job_reads_a_directory_and_cannot_write_to_it(machine: Machine, files: Path) -> None:
    mount = Mount(root=files, path="images", target="input/data/train")
    script = "cat /opt/ml/input/data/train/deep/a; touch /opt/ml/input/data/train/b 2>/dev/null || echo ' no'"
    assert run(machine, script, mount)[:2] == (0, "picture no\n")
    assert not (files / "images" / "b").exists()


def test_a_job_writes_where_it_may(machine: Machine, files: Path) -> None:
    mount = Mount(root=files, path="", target="input/data/train", writable=True)
    assert run(machine, "echo new > /opt/ml/input/data/train/images/b", mount)[0] == 0
    assert (files / "images" / "b").read_text() == "new\n"


@pytest.mark.parametrize("path", ["../secret", "out", "images/gone", "images/deep/a"])
def test_no_path_leads_out_of_a_file_system(machine: Machine, files: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    (files / "out").symlink_to(tmp_path / "secret")
    code, printed, failure = run(
        machine, "cat /opt/ml/input/data/train/*", Mount(root=files, path=path, target="input/data/train")
    )
    assert (code, printed) == (None, "")
    assert failure.startswith("ClientError: An input could not be placed: ")
