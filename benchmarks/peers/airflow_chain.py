"""An Airflow DAG of tasks one after the other: `… STEPS FOLDER`, and a line on stdin for each run.

Each task starts `true`, as each step of Clary's chain does. `dag.test` runs them in this process, without a
scheduler's or an executor's delay: the fastest that Airflow can. Answers with a JSON line: the seconds of the
run, and those that the processes lived.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(sys.argv[2])
os.environ |= {
    "AIRFLOW_HOME": str(FOLDER),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(FOLDER),
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
}
import airflow  # type: ignore[import-not-found]  # noqa: E402  # which reads its settings now
from airflow.sdk import DAG, task  # type: ignore[import-not-found]  # noqa: E402

LIVED = FOLDER / "lived"


@task  # type: ignore[untyped-decorator]
def step() -> None:
    """Do nothing, in a process."""
    begun = time.perf_counter()
    subprocess.run(["true"], check=True)  # noqa: S607 - whichever there is
    with LIVED.open("a") as file:
        print(time.perf_counter() - begun, file=file)


with DAG("chain", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
    before = None
    for number in range(int(sys.argv[1])):
        following = step.override(task_id=f"step{number}")()
        if before is not None:
            before >> following
        before = following

if __name__ == "__main__":
    shutil.copy(__file__, FOLDER / "chain_dag.py")  # where Airflow finds it, as its scheduler would
    migrate = [str(Path(sys.executable).with_name("airflow")), "db", "migrate"]
    subprocess.run(migrate, check=True, stdout=2)  # noqa: S603 - the peer's own
    for _ in sys.stdin:
        LIVED.write_text("")
        begun = time.perf_counter()
        run = dag.test()
        seconds = time.perf_counter() - begun
        lived = [float(line) for line in LIVED.read_text().split()]
        done = len(lived) if str(run.state) == "success" else 0
        told = {"seconds": seconds, "lived": sum(lived), "done": done, "version": airflow.__version__}
        print(json.dumps(told), file=sys.__stdout__, flush=True)
