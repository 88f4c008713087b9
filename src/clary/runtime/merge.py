"""Makes one archive of what several hosts of a job made."""

from __future__ import annotations

import gzip
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

_BEST_UP_TO = 16 << 20  # bytes that are packed with zlib's usual level, as in `clary.runtime.pack`


def merge(archives: Sequence[Path], target: Path) -> Path:
    """Write the members of all archives into one; of two with the same name the first one's stays.

    One archive is left as it is. The same archives give the same bytes.
    """
    if len(archives) == 1:
        return archives[0]
    level = 6 if sum(path.stat().st_size for path in archives) <= _BEST_UP_TO else 1
    draft = target.with_name(f".{target.name}")
    seen: set[str] = set()
    with draft.open("wb") as raw:
        with (
            gzip.GzipFile("", "wb", level, raw, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20) as written,
        ):
            for path in archives:
                with tarfile.open(path, "r|gz") as read:
                    for member in read:
                        if member.name not in seen:
                            seen.add(member.name)
                            written.addfile(member, read.extractfile(member) if member.isreg() else None)
        raw.flush()
        os.fsync(raw.fileno())
    draft.replace(target)
    return target
