"""What the hosts of a job made, as one set of files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def files_of(paths: Sequence[Path]) -> dict[str, Path]:
    """Return all regular files of all hosts' directories by their names below them; the first host's win."""
    return {
        str(each.relative_to(path)): each
        for path in reversed(paths)
        for each in sorted(path.rglob("*"))
        if each.is_file()
    }
