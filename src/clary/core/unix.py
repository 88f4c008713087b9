"""Unix sockets whose path is longer than a socket address can hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST = 107  # bytes in sockaddr_un.sun_path, less its closing NUL


@contextmanager
def address(path: Path) -> Iterator[str]:
    """Give a name for `path` that fits a socket address, good for use inside the block."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
