"""What the administrator declares is what jobs get, and a slip is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from clary.core.file_systems import FileSystem, declared, file_of
from clary.core.settings import Home


def test_declarations_have_defaults(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert declared(home) == {}
    file_of(home).write_text('[fs-0123456789a]\ndirectory = "/data"\n')
    assert declared(home) == {"fs-0123456789a": FileSystem(directory=Path("/data"), type="EFS", access="ro")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[fs", "cannot be read"),
        ("fs-1 = 3", "fs-1 is not a table"),
        ('[fs-1]\ndirectory = "data"', "must be an absolute path"),
        ('[fs-1]\ndirectory = "/d"\ntype = "NFS"', "must be EFS or FSxLustre"),
        ('[fs-1]\ndirectory = "/d"\naccess = "w"', "must be ro or rw"),
    ],
)
def test_a_slip_is_explained(tmp_path: Path, text: str, says: str) -> None:
    file_of(Home(tmp_path)).write_text(text)
    with pytest.raises(ValueError, match=says):
        declared(Home(tmp_path))
