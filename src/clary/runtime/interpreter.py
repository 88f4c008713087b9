"""Which Python an environment stands on: the one that Clary runs on, or another one of this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
_TELL = "import json, sys; print(json.dumps([sys.version, sys.base_prefix]))"


class NoInterpreter(ValueError):
    """This machine does not have the Python that an image asks for; the message names the cure."""


@dataclass(frozen=True)
class Interpreter:
    """One Python: its path, the prefix under it, and its version in full."""

    path: str
    base: Path
    version: str


@cache
def find(version: str = "") -> Interpreter:
    """Return the Python of a version such as 3.12; without one, the one that Clary runs on."""
    if version in ("", _OWN):
        base = Path(sys.base_prefix)
        return Interpreter(str(base / "bin" / f"python{_OWN}"), base, sys.version)
    path = shutil.which(f"python{version}")
    told = _ask(path) if path else None
    if path is None or told is None:
        raise NoInterpreter(
            f"Python {version} is not on this machine. Install python{version}, with its venv module, or ask "
            f'for the one that Clary runs on: python = "{_OWN}".'
        )
    return Interpreter(path, Path(told[1]), told[0])


def _ask(path: str) -> tuple[str, str] | None:
    done = subprocess.run([path, "-I", "-c", _TELL], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        return None
    version, base = json.loads(done.stdout)
    return version, base
