"""Re-locks the images: turns every images/<name>/requirements.in into a hashed requirements.txt for Linux.

One lock serves CPython 3.11 to 3.13. Torch is the one exception to "every line has a hash": its CPU build
has other bytes on every machine (a wheel in a find-links directory here, PyTorch's own index there) and the
packages that only its CUDA build needs are left out. uv checks the hashes that are written and does not ask
for the missing one, as long as it is not given --require-hashes; an image with such a lock says `complete =
true` in image.toml, which means: install exactly these lines (--no-deps).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CUDA_ONLY = re.compile(r"(nvidia-|cuda-|triton\b)")
UNHASHED = {"torch"}
COMPILE = [
    "pip",
    "compile",
    "--quiet",
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--upgrade",
    "requirements.in",
]


def main(names: list[str]) -> int:
    """Lock the named images, or all of them; return 1 when a lock would name a host or a path."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    for folder in sorted(path.parent for path in HERE.glob("*/requirements.in")):
        if names and folder.name not in names:
            continue
        overrides = [f"--overrides={path.name}" for path in folder.glob("overrides.txt")]
        command = [uv, *COMPILE, *overrides]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603
        lock = trim(done.stdout)
        if re.search(r"://|file:|/", lock):
            print(f"{folder.name}: the lock names a host or a path; it was not written", file=sys.stderr)
            return 1
        (folder / "requirements.txt").write_text(lock)
        print(f"{folder.name}: {lock.count('==')} packages")
    return 0


def trim(lock: str) -> str:
    """Drop what only CUDA builds and other systems need, and the hashes of what differs from machine to
    machine."""
    blocks = re.split(r"\n(?=\S)", lock.strip())
    return "".join(f"{_unhash(block)}\n" for block in blocks if _wanted(block))


def _wanted(block: str) -> bool:
    head = block.splitlines()[0]
    return not CUDA_ONLY.match(head) and "sys_platform == 'win32'" not in head


def _unhash(block: str) -> str:
    name = block.partition("==")[0]
    return block.splitlines()[0].removesuffix(" \\") if name in UNHASHED else block


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
