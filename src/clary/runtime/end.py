"""Ends every container of a home whose server is stopped: `python -m clary.runtime.end HOME`.

Records are left as they are: the next controller finds out how each run ended and goes on from there.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from clary.core.clock import SystemClock
from clary.core.settings import Home, Settings
from clary.runtime.jobdir import JobDirectory
from clary.runtime.local import LocalRuntime

_PATIENCE = 10.0  # seconds for all containers together; they are killed, not asked


def main(arguments: list[str]) -> int:
    """Kill what runs, and wait until it is gone; the exit code says whether it is."""
    home = Home(Path(arguments[0]).absolute())
    if not home.jobs.is_dir():
        return 0
    runtime = LocalRuntime(replace(Settings.from_environment(os.environ), home=home), SystemClock())
    running = [path.name for path in home.jobs.iterdir() if not path.name.startswith(".")]
    # Those in the queue first: while the others hold their places, none of them can begin.
    for uid in sorted(running, key=lambda uid: JobDirectory(home.jobs / uid).launch() is not None):
        runtime.kill(uid)
    runtime.cool()
    deadline = time.monotonic() + _PATIENCE
    while running := [uid for uid in running if not _ended(runtime, uid)]:
        if time.monotonic() > deadline:
            print(f"still running: {', '.join(running)}", file=sys.stderr)
            return 1
        time.sleep(0.02)
    return 0


def _ended(runtime: LocalRuntime, uid: str) -> bool:
    return runtime.inspect(uid).phase in ("exited", "absent")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
