"""Run every benchmark or those named (python -m benchmarks [--write] NAME …), each beside its floor.

With --write, what they say of the built-in algorithms goes to docs/builtin-algorithms-measured.md,
what they say of serving to docs/serving-measured.md, and of pipelines, processing and experiments to
docs/pipelines-measured.md.
"""

from __future__ import annotations

import importlib
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import measured, pipelines_page, serving_page
from benchmarks.harness import load_average, table

NAMES = (
    "startup",
    "job_start",
    "processing_start",
    "queued_jobs",
    "channels",
    "endpoint_create",
    "mlflow_start",
    "serverless",
    "model_server",
    "prediction",
    "multi_model",
    "serving_load",
    "serving_peers",
    "list_training_jobs",
    "describe_and_list",
    "search",
    "policy_decision",
    "s3",
    "metrics",
    "experiments",
    "builtin_algorithms",
    "text_algorithms",
    "image_algorithm",
    "series_algorithms",
    "tuning",
    "several_hosts",
    "transform",
    "pipelines",
    "pipeline_peers",
    "asynchronous",
)


def main(names: list[str]) -> int:
    """Run the benchmarks in order and print one table; exit 1 when a target is missed."""
    write, names = "--write" in names, [name for name in names if name != "--write"]
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}.")
        return 2
    cpus = Path("/proc/cpuinfo").read_text().count("processor\t")
    machine = f"Python {platform.python_version()}, {cpus} cores, load {load_average()}"
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine}")
    figures = []
    for name in names or NAMES:
        print(f"running {name} …", flush=True)
        figures += importlib.import_module(f"benchmarks.{name}").run()
    print(table(figures))
    if write:
        measured.write(figures)
        serving_page.write(figures)
        pipelines_page.write(figures)
    missed = [figure.name for figure in figures if figure.met is False]
    print(f"missed: {', '.join(missed)}" if missed else "every target is met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
