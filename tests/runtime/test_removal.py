"""Whatever a job leaves behind can be deleted."""

from __future__ import annotations

import os
from pathlib import Path

from clary.runtime.removal import remove_tree


def test_a_tree_deeper_than_pathnames_go_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    place = os.open(tmp_path / "tree", os.O_RDONLY)
    for _ in range(2500):
        os.mkdir("d" * 200, dir_fd=place)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=place))
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    remove_tree(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []


def test_a_broad_tree_with_odd_names_and_closed_directories_is_deleted(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for first in range(5):
        for second in range(5):
            (tree / f"{first}" / f"{second}" / "deep").mkdir(parents=True)
            (tree / f"{first}" / f"{second}" / "file").write_text("x")
    Path(os.fsdecode(os.fsencode(tree) + b"/\xff\xfe\n")).write_text("x")
    os.mkfifo(tree / "pipe")
    (tree / "1" / "2").chmod(0)
    (tree / "1").chmod(0)
    remove_tree(tree)
    assert list(tmp_path.iterdir()) == []


def test_links_are_deleted_and_what_they_point_to_stays(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (tmp_path / "tree" / "in").mkdir(parents=True)
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "tree" / "in" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "name").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "tree")
    remove_tree(tmp_path / "name")
    remove_tree(tmp_path / "never there")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept" / "file").exists()
