"""File systems that jobs may name, as the administrator declares them in `CLARY_HOME/file-systems.toml`:

    [fs-0123456789abcdef0]
    directory = "/data/images"   # of this machine, mounted however one likes
    type = "EFS"                 # or FSxLustre
    access = "ro"                # or rw: jobs that ask for it may write

The file is read whenever a job names one, so that no server has to be started again.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clary.core.settings import Home

TYPES, ACCESS = ("EFS", "FSxLustre"), ("ro", "rw")


@dataclass(frozen=True, kw_only=True)
class FileSystem:
    """One declared file system."""

    directory: Path
    type: str
    access: str

    def has(self, path: str) -> bool:
        """Tell whether there is a directory of that path which can be looked at."""
        try:
            return (self.directory / path.strip("/")).is_dir()
        except OSError:  # no name that a directory could have, or closed to this server
            return False


def file_of(home: Home) -> Path:
    """Return where file systems are declared."""
    return home.root / "file-systems.toml"


def declared(home: Home) -> Mapping[str, FileSystem]:
    """Return every declared file system by its id; what cannot be read is a ValueError with the cure."""
    path = file_of(home)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}.") from error
    return {name: _file_system(path, name, table) for name, table in tables.items()}


def _file_system(path: Path, name: str, table: object) -> FileSystem:
    if not isinstance(table, dict):
        raise ValueError(
            f"{path}: {name} is not a table; write [{name}] and below it directory, type, access."
        )
    directory, kind, access = table.get("directory"), table.get("type", "EFS"), table.get("access", "ro")
    if not isinstance(directory, str) or not directory.startswith("/"):
        raise ValueError(f"{path}: the directory of {name} is {directory!r}; it must be an absolute path.")
    if kind not in TYPES:
        raise ValueError(f"{path}: the type of {name} is {kind!r}; it must be EFS or FSxLustre.")
    if access not in ACCESS:
        raise ValueError(f"{path}: the access of {name} is {access!r}; it must be ro or rw.")
    return FileSystem(directory=Path(directory), type=kind, access=access)
