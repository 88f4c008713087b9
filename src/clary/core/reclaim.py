"""Requests to take capacity back from a job that runs on spot capacity: one small file each.

`clary chaos` writes them, the job's controller reads them and gives the notice: `run/reclaim/<digest of the
job's ARN>` below `CLARY_HOME`. A request that comes too late for its job is forgotten with it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from clary.core.settings import Home


def ask(home: Home, arn: str) -> None:
    """Ask for the capacity of one job."""
    path = _path(home, arn)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(f"{arn}\n")


def asked(home: Home, arn: str) -> bool:
    """Tell whether somebody asked, and the job's controller has not answered yet."""
    return _path(home, arn).exists()


def forget(home: Home, arn: str) -> None:
    """Take the request as done."""
    _path(home, arn).unlink(missing_ok=True)


def _path(home: Home, arn: str) -> Path:
    return home.run / "reclaim" / hashlib.sha256(arn.encode()).hexdigest()[:32]
