"""What a job made, packed: the same bytes for the same files, and nothing of the host."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.machine import Machine

from clary.runtime.pack import lay_out, pack
from clary.runtime.removal import remove_tree
from clary.runtime.spec import Output


def made(tmp_path: Path) -> Path:
    """Return an `ml` with an empty `model`."""
    (tmp_path / "ml" / "model").mkdir(parents=True)
    return tmp_path / "ml"


def names(path: Path) -> list[str]:
    """Return an archive's members."""
    with tarfile.open(path) as tar:
        return tar.getnames()


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    ml = made(tmp_path)
    (ml / "model" / "b").write_text("2")
    (ml / "model" / "a").mkdir()
    (ml / "model" / "a" / "c").write_text("1")
    pack(ml, "model", tmp_path / "one", always=True)
    os.utime(ml / "model" / "b", (1, 1))
    pack(ml, "model", tmp_path / "two", always=True)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert names(tmp_path / "one") == ["a", "a/c", "b"]


def test_an_empty_directory_is_packed_only_when_asked(tmp_path: Path) -> None:
    ml = made(tmp_path)
    assert pack(ml, "model", tmp_path / "one", always=False) == (False, True, [])
    assert pack(ml, "model", tmp_path / "two", always=True) == (True, True, [])
    assert names(tmp_path / "two") == []


def test_links_that_stay_within_are_kept_and_others_left_out(tmp_path: Path) -> None:
    ml = made(tmp_path)
    (ml / "model" / "v1").write_text("1")
    (ml / "model" / "best").symlink_to("v1")
    (ml / "model" / "absolute").symlink_to("/opt/ml/model/v1")
    (ml / "model" / "passwd").symlink_to("/etc/passwd")
    (ml / "model" / "up").symlink_to("../../secret")
    os.mkfifo(ml / "model" / "pipe")
    *_, left_out = pack(ml, "model", tmp_path / "a", always=True)
    assert names(tmp_path / "a") == ["absolute", "best", "v1"]
    assert [line.split()[0] for line in left_out] == ["passwd", "pipe", "up"]


def test_a_model_directory_that_became_a_link_is_not_packed(tmp_path: Path) -> None:
    ml = tmp_path / "ml"
    ml.mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("host")
    (ml / "model").symlink_to(tmp_path / "secrets")
    written, _, left_out = pack(ml, "model", tmp_path / "a", always=True)
    assert not written
    assert "link" in left_out[0]


def test_a_job_that_replaces_its_model_directory_by_a_link_gets_nothing_of_the_host(machine: Machine) -> None:
    uid = machine.start(
        "sh",
        "-c",
        "rmdir /opt/ml/model && ln -s /etc /opt/ml/model",
        outputs=[Output(directory="model", name="model.tar.gz")],
    )
    seen = machine.until(uid)
    assert seen.exit_code == 0
    assert not seen.outputs
    assert "link" in seen.note


def test_outputs_are_packed_however_the_program_ended(machine: Machine) -> None:
    uid = machine.start(
        "sh",
        "-c",
        "echo partial > /opt/ml/output/data/report; exit 3",
        outputs=[
            Output(directory="model", name="model.tar.gz", always=False),
            Output(directory="output/data", name="output.tar.gz", always=False),
        ],
    )
    seen = machine.until(uid)
    assert seen.exit_code == 3
    assert list(seen.outputs) == ["output.tar.gz"]
    assert names(seen.outputs["output.tar.gz"]) == ["report"]


def test_a_program_that_wrote_no_model_is_noted(machine: Machine) -> None:
    uid = machine.start("true", outputs=[Output(directory="model", name="model.tar.gz")])
    seen = machine.until(uid)
    assert seen.exit_code == 0
    assert "wrote nothing to /opt/ml/model" in seen.note


def test_what_is_too_deep_to_unpack_is_left_out_and_said(tmp_path: Path) -> None:
    ml = made(tmp_path)
    (ml / "model" / "weights").write_text("1")
    place = os.open(ml / "model", os.O_RDONLY)
    for _ in range(1500):  # deeper than Python recurses and than a path may be long
        os.mkdir("d", dir_fd=place)
        below = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    written, _, left_out = pack(ml, "model", tmp_path / "a", always=True)
    assert written
    assert "weights" in names(tmp_path / "a")
    assert max(name.count("/") + 1 for name in names(tmp_path / "a")) == 64
    assert left_out[0].startswith("What is below 64 directories was left out: d/d/d/")
    remove_tree(ml)  # pytest's own clean-up would recurse


def test_a_directory_that_is_not_packed_is_its_files_and_nothing_else(tmp_path: Path) -> None:
    model = tmp_path / "ml" / "model"
    (model / "deep").mkdir(parents=True)
    (model / "deep" / "w").write_text("weights")
    (model / "link").symlink_to("/etc/passwd")
    out = tmp_path / "out"
    assert lay_out(tmp_path / "ml", "model", out, always=False) == (
        True,
        False,
        ["link is not a file and was left out."],
    )
    assert [path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()] == ["deep/w"]
    assert lay_out(tmp_path / "ml", "absent", out, always=False) == (False, True, [])


@pytest.mark.parametrize("how", [lay_out, pack])
def test_what_the_program_closed_to_itself_is_kept_none_the_less(tmp_path: Path, how: Any) -> None:
    model = made(tmp_path) / "model"
    (model / "deep").mkdir()
    (model / "deep" / "w").write_text("weights")
    for path in (model / "deep" / "w", model / "deep", model):
        path.chmod(0)
    try:
        assert how(tmp_path / "ml", "model", tmp_path / "out", always=False) == (True, False, [])
    finally:
        model.chmod(0o700)
    assert [(model / "deep").stat().st_mode & 0o700, (model / "deep" / "w").stat().st_mode & 0o400] == [
        0o700,
        0o400,
    ]
