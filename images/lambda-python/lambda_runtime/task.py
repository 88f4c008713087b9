"""Unpacks a function's archive. It is a stranger's: nothing lands outside, and not more than was promised."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath

MOST = 262_144_000
"""Bytes that a function's code may have once it is unpacked."""

_PIECE = 1 << 20


class BadArchive(Exception):
    """The archive cannot be unpacked; the text says why."""


def unpack(archive: Path, target: Path, most: int = MOST) -> None:
    """Lay out an archive's regular files; its links are left out."""
    target.mkdir(parents=True, exist_ok=True)
    left = most
    try:
        with zipfile.ZipFile(archive) as opened:
            for item in opened.infolist():
                left = _lay(opened, item, target, left)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise BadArchive(f"{type(error).__name__}: {error}") from error


def _lay(opened: zipfile.ZipFile, item: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Write one file; return how many bytes there is room for after it."""
    name, mode = PurePosixPath(item.filename), item.external_attr >> 16
    if name.is_absolute() or ".." in name.parts:
        raise BadArchive(f"{item.filename!r} would lie outside of the function's folder")
    path = target.joinpath(*name.parts)
    if item.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return left
    if stat.S_ISLNK(mode):
        return left
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(item) as source, path.open("wb") as written:
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise BadArchive("Unzipped size must be smaller than what a function may have")
            written.write(piece)
    path.chmod(0o755 if mode & 0o111 else 0o644)
    return left
