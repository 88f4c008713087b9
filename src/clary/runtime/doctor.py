"""What the runtime finds on this machine, as JSON for `clary doctor`: `python -m clary.runtime.doctor`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from clary.core.settings import Settings
from clary.runtime import engine, images
from clary.runtime.builder import Build, BuildFailed, uv
from clary.runtime.index import from_pip
from clary.runtime.local_provisioner import LocalProvisioner
from clary.runtime.probe import probe

_NO_NAMESPACES = (
    "Install bubblewrap from your distribution, or allow user namespaces: on Ubuntu 24.04 and later by an "
    "AppArmor profile for bwrap, elsewhere by sysctl user.max_user_namespaces. Jobs that ask for network "
    "isolation fail until then."
)
_NO_CGROUP = (
    "The limit holds for each process alone. Delegate a memory cgroup to this user to hold a whole job to it."
)


def findings() -> list[dict[str, str]]:
    """Return what was found: level ok, warn or fail, what, found, and the cure."""
    found = probe()
    can = found.capabilities
    told = []
    if can.level == "namespaces":
        told.append(_finding("ok", "sandbox", f"bubblewrap at {found.bwrap}"))
    else:
        told.append(
            _finding("warn", "sandbox", "none: jobs are plain processes of this user", _NO_NAMESPACES)
        )
    network = "jobs can be cut off the network" if can.network else "jobs cannot be cut off the network"
    told.append(
        _finding("ok" if can.network else "warn", "network", network, "" if can.network else _NO_NAMESPACES)
    )
    limited = can.memory != "per process"
    told.append(
        _finding(
            "ok" if limited else "warn", "memory", f"limited by {can.memory}", "" if limited else _NO_CGROUP
        )
    )
    told += [_finding("ok", "notes", words) for words in can.words[1:]]
    told.append(
        _finding("ok", "capacity", f"room for {LocalProvisioner().servers()} endpoint instances at once")
    )
    return [*told, _builder(), _engine(), *_images()]


def _engine() -> dict[str, str]:
    found = engine.find()
    if isinstance(found, str):
        return _finding(
            "ok", "engine", "none: only images without a root file system of their own run", found
        )
    return _finding("ok", "engine", f"{found.kind} {found.version} at {found.path}, with {found.runtime}")


def _builder() -> dict[str, str]:
    try:
        return _finding("ok", "uv", uv())
    except BuildFailed as error:
        return _finding("fail", "uv", "missing", str(error))


def _images() -> list[dict[str, str]]:
    settings, index = Settings.from_environment(os.environ), from_pip(os.environ)
    cache = settings.cache
    told, broken = [], list[str]()
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else settings.home.root
    for image in images.catalogue((home / "images",), broken):
        try:
            build = Build(cache, image.key(index))
        except ValueError as error:  # its Python is not here any more
            told.append(_finding("warn", "image", f"{image.name}: cannot be built", str(error)))
            continue
        if build.ready():
            told.append(_finding("ok", "image", f"{image.name}: built"))
        elif build.failed.exists():
            told.append(
                _finding("warn", "image", f"{image.name}: its last build failed", build.failed.read_text())
            )
        else:
            told.append(
                _finding("ok", "image", f"{image.name}: built on its first use, which needs a package index")
            )
    cure = "Correct it: `clary image build FOLDER` names each mistake."
    return [*told, *(_finding("warn", "image", words, cure) for words in broken)]


def _finding(level: str, what: str, found: str, cure: str = "") -> dict[str, str]:
    return {"level": level, "what": what, "found": found, "cure": cure}


if __name__ == "__main__":
    json.dump(findings(), sys.stdout)
