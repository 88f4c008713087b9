"""A Prefect flow that runs tasks one after the other: `… STEPS FOLDER`, and a line on stdin for each run.

Each task starts `true`, as each step of Clary's chain does. Answers with a JSON line: the seconds of the
flow, and those that the processes lived. Prefect's server is the one it starts for itself, in SQLite.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

os.environ |= {
    "PREFECT_HOME": sys.argv[2],
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}
import prefect  # type: ignore[import-not-found]  # which reads its settings now

lived: list[float] = []


@prefect.task  # type: ignore[untyped-decorator]
def step(number: int) -> int:
    """Do nothing, in a process."""
    begun = time.perf_counter()
    subprocess.run(["true"], check=True)  # noqa: S607 - whichever there is
    lived.append(time.perf_counter() - begun)
    return number + 1


@prefect.flow  # type: ignore[untyped-decorator]
def chain(steps: int) -> int:
    """Run each step once the one before has ended."""
    number = 0
    for _ in range(steps):
        number = step(number)
    return number


if __name__ == "__main__":
    for _ in sys.stdin:
        lived.clear()
        begun = time.perf_counter()
        done = chain(int(sys.argv[1]))
        told = {"seconds": time.perf_counter() - begun, "lived": sum(lived), "done": done}
        print(json.dumps({**told, "version": prefect.__version__}), flush=True)
