"""What a process has of its own in memory, and how much all of this container may have."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path

from toolkit.failure import UserError

SETTING = "SAGEMAKER_MULTI_MODEL_MEMORY_MB"
_GRANTED = "TOOLKIT_MEMORY_BYTES"
_LEAST_MB = 16


def limit(environment: Mapping[str, str] = os.environ) -> int:
    """Return the bytes that the server and its models may take together."""
    if text := environment.get(SETTING):
        try:
            megabytes = int(text)
        except ValueError:
            megabytes = 0
        if megabytes < _LEAST_MB:
            raise UserError(f"{SETTING} is {text!r}; it must be a whole number of at least {_LEAST_MB}.")
        return megabytes << 20
    granted = environment.get(_GRANTED, "")
    if granted.isdigit():
        return int(granted)
    capped, _ = resource.getrlimit(resource.RLIMIT_DATA)
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return whole if capped == resource.RLIM_INFINITY else min(capped, whole)


def private(pid: int) -> int:
    """Return the bytes that are this process's alone; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_"))


def resident(pid: int) -> int:
    """Return the bytes of a process, those that it shares with others included."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def size(folder: Path) -> int:
    """Return the bytes of the files in a directory."""
    found = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                found += os.lstat(os.path.join(path, name)).st_size  # noqa: PTH118 - as os.walk names them
            except OSError:
                continue
    return found
