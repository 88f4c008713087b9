"""Writes benchmarks/peers/*.txt anew: every peer's requirements, hashed. Needs the network.

`python benchmarks/peers/lock.py [NAME …]`. Torch is kept as in the images' locks: its CPU build, no hash.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent


def main(names: list[str]) -> int:
    """Lock the named peers, or all; return 1 when a lock would name a host or a path."""
    images = _images()
    for wanted in sorted(HERE.glob("*.in")):
        if names and wanted.stem not in names:
            continue
        line = [str(Path(sys.executable).with_name("uv")), *images.COMPILE[:-1], wanted.name]
        done = subprocess.run(line, cwd=HERE, check=True, capture_output=True, text=True)  # noqa: S603
        torch = re.search("^torch==", done.stdout, re.M)  # only Torch brings a CUDA build's packages along
        lock: str = images.trim(done.stdout) if torch else done.stdout
        if re.search(r"://|file:|/", lock):
            print(f"{wanted.name}: the lock names a host or a path; it was not written", file=sys.stderr)
            return 1
        wanted.with_suffix(".txt").write_text(lock)
        print(f"{wanted.stem}: {lock.count('==')} packages")
    return 0


def _images() -> ModuleType:
    """Load images/lock.py, which knows how a lock is made; it is no module of a package."""
    found = importlib.util.spec_from_file_location("lock", HERE.parents[1] / "images" / "lock.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
