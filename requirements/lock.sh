#!/bin/sh
# Write every hashed lock anew. Needs the network and the development environment (make setup).
# A lock names no index: where packages come from is the business of the machine that installs them.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
lock() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links "$@"
}
.venv/bin/python - > requirements/core.in <<'PY'
import tomllib
from pathlib import Path

told = tomllib.loads(Path("pyproject.toml").read_text())
print("# Generated from pyproject.toml by requirements/lock.sh.")
print("\n".join(sorted(told["project"]["dependencies"] + told["build-system"]["requires"] + ["editables"])))
PY
lock requirements/core.in -o requirements/core.txt
lock requirements/dev.in -o requirements/dev.txt
lock src/clary/cli/demo/requirements.in -o src/clary/cli/demo/requirements.txt
for wanted in tests/stories/clients/*.in; do
    case "$wanted" in */cli2.in) alone=--no-deps ;; *) alone= ;; esac  # the binary needs no Python package
    lock $alone "$wanted" -o "${wanted%.in}.txt"
done
