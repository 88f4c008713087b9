"""Archives that strangers made: good ones are extracted, bad ones are refused with a reason."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Literal

import pytest
from tests.runtime.machine import Machine

from clary.runtime.beneath import Unsafe
from clary.runtime.spec import Input
from clary.runtime.unpack import unpack

Mode = Literal["w", "w:gz", "w:bz2", "w:xz"]


def archive(path: Path, *members: tuple[str, bytes, str], mode: Mode = "w:gz") -> Path:
    """Write a tar: each member is a name, its type, and a link's target or a file's content."""
    with tarfile.open(path, mode) as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            member.mode = 0o4755
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                member.linkname = content
                tar.addfile(member)
            else:
                member.size = len(content) if kind == tarfile.REGTYPE else 0
                tar.addfile(member, io.BytesIO(content.encode()))
    return path


def extract(tmp_path: Path, source: Path) -> Path:
    """Extract into a fresh directory's `model`."""
    root = tmp_path / "ml"
    root.mkdir()
    unpack(source, root, "model", stopping=lambda: None)
    return root / "model"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_files_directories_and_links_within_are_extracted(tmp_path: Path, mode: Mode) -> None:
    source = archive(
        tmp_path / "a",
        ("./code/inference.py", tarfile.REGTYPE, "pass"),
        ("code/empty", tarfile.DIRTYPE, ""),
        ("latest", tarfile.SYMTYPE, "code/inference.py"),
        ("code/again.py", tarfile.LNKTYPE, "code/inference.py"),
        mode=mode,
    )
    made = extract(tmp_path, source)
    assert (made / "code" / "inference.py").read_text() == "pass"
    assert (made / "code" / "empty").is_dir()
    assert (made / "latest").readlink() == Path("code/inference.py")
    assert (made / "code" / "again.py").read_text() == "pass"
    assert (made / "code" / "inference.py").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([("../evil", tarfile.REGTYPE, "x")], "climbs"),
        ([("a/../../evil", tarfile.REGTYPE, "x")], "climbs"),
        ([("/etc/evil", tarfile.REGTYPE, "x")], "absolute"),
        ([("link", tarfile.SYMTYPE, "/etc/passwd")], "absolute"),
        ([("link", tarfile.SYMTYPE, "../../secret")], "out of the archive"),
        ([("a/link", tarfile.SYMTYPE, "../../secret")], "out of the archive"),
        ([("hard", tarfile.LNKTYPE, "../../secret")], "climbs"),
        ([("hard", tarfile.LNKTYPE, "nowhere")], "not in the archive"),
        ([("device", tarfile.CHRTYPE, "")], "neither"),
        ([("pipe", tarfile.FIFOTYPE, "")], "neither"),
        ([("/".join("d" * 70), tarfile.REGTYPE, "x")], "deep"),
    ],
)
def test_a_member_that_would_do_harm_is_refused(
    tmp_path: Path, members: list[tuple[str, bytes, str]], why: str
) -> None:
    source = archive(tmp_path / "a", *members)
    with pytest.raises(Unsafe, match=why):
        extract(tmp_path, source)
    assert not (tmp_path / "evil").exists()


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    source = archive(tmp_path / "a", ("d", tarfile.SYMTYPE, "."), ("d/file", tarfile.REGTYPE, "x"))
    with pytest.raises(Unsafe, match="a directory and something else"):
        extract(tmp_path, source)
    assert not (tmp_path / "ml" / "model" / "file").exists()


def test_a_second_archive_is_not_extracted_through_the_links_of_the_first(tmp_path: Path) -> None:
    root = tmp_path / "ml"
    root.mkdir()
    (root / "model").symlink_to(tmp_path)
    with pytest.raises(Unsafe, match="is a link"):
        unpack(archive(tmp_path / "a", ("f", tarfile.REGTYPE, "x")), root, "model", stopping=lambda: None)
    assert not (tmp_path / "f").exists()


def test_a_cut_off_archive_is_refused(tmp_path: Path) -> None:
    whole = archive(tmp_path / "a", ("f", tarfile.REGTYPE, os.urandom(4000).hex()))
    (tmp_path / "b").write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(Unsafe, match="not a complete tar"):
        extract(tmp_path, tmp_path / "b")


def test_an_archive_larger_than_the_disk_is_refused_before_it_fills_it(tmp_path: Path) -> None:
    member = tarfile.TarInfo("huge")
    member.size = 1 << 60
    (tmp_path / "a").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + b"x" * 512)
    with pytest.raises(Unsafe, match="free on the disk"):
        extract(tmp_path, tmp_path / "a")


def test_a_run_with_a_bad_archive_fails_with_the_reason(machine: Machine, tmp_path: Path) -> None:
    source = archive(tmp_path / "a", ("../evil", tarfile.REGTYPE, "x"))
    seen = machine.until(machine.start("true", inputs=[Input(source=source, target="model", unpack=True)]))
    assert seen.exit_code is None
    assert seen.failure.startswith("ClientError: An input could not be placed: '../evil'")


def test_a_run_finds_its_archive_extracted(machine: Machine, tmp_path: Path) -> None:
    source = archive(tmp_path / "a", ("weights", tarfile.REGTYPE, "w"))
    uid = machine.start(
        "cat", "/opt/ml/model/weights", inputs=[Input(source=source, target="model", unpack=True)]
    )
    machine.until(uid)
    assert machine.printed(uid) == "w"
