"""The container engine of this machine, podman or docker: found by asking it, and asked by its command.

Nothing here runs unless an image is an OCI image. `python -m clary.runtime.engine` says which engine there
is; its exit code says whether there is one.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from clary.core.document import Document
from clary.runtime.cgroups import MOST_PROCESSES

INSTALL = "Install one: `apt install podman runc` on Debian and Ubuntu; `clary doctor` says whether it works."
_PATIENCE = 30.0  # seconds for one call; an engine that starts up cold takes a few
_MOST_FILES = 1 << 20
_FRESH = 10.0  # seconds after which an engine is looked for again
_FORWARDED = (
    "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_CONFIG", "DOCKER_HOST",
    "HOME", "PATH", "TMPDIR", "USER", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One engine that answers. `options` come first in each call; with `own_groups` a container can be put
    into a control group of ours.
    """

    kind: Literal["podman", "docker"]
    path: Path
    version: str
    runtime: str
    own_groups: bool
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def argv(self, *words: str) -> list[str]:
        """Return the command line of one call."""
        return [str(self.path), *self.options, *words]

    def call(self, *words: str, timeout: float = _PATIENCE) -> subprocess.CompletedProcess[str]:
        """Call the engine and wait; one that hangs has failed."""
        argv = self.argv(*words)
        try:
            return subprocess.run(  # noqa: S603 - the engine, with our own arguments
                argv,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(
                argv, 125, "", f"{self.kind} did not answer in {timeout:.0f} s"
            )

    def inspect(self, what: Literal["image", "container"], name: str) -> Document | None:
        """Return what the engine knows of an image or a container, None where there is none."""
        done = self.call(what, "inspect", name)
        try:
            found: list[Document] = json.loads(done.stdout) if done.returncode == 0 else []
        except ValueError:
            return None
        return found[0] if found else None

    def remove(self, container: str) -> None:
        """End a container now, if there is one, and forget it."""
        at_once = ("-t", "0") if self.kind == "podman" else ()
        self.call("rm", "-f", "-v", *at_once, container)

    def limits(self) -> tuple[str, ...]:
        """Return the resource limits to ask for: no more than this process may give."""
        found: list[str] = []
        files = ("nofile", resource.RLIMIT_NOFILE, _MOST_FILES)
        for name, number, most in (files, ("nproc", resource.RLIMIT_NPROC, MOST_PROCESSES)):
            hard = resource.getrlimit(number)[1]
            most = most if hard == resource.RLIM_INFINITY else min(hard, most)
            found += ["--ulimit", f"{name}={most}:{most}"]
        return tuple(found)

    def document(self) -> Document:
        """Return it as JSON members."""
        return {
            "kind": self.kind,
            "path": str(self.path),
            "version": self.version,
            "runtime": self.runtime,
            "own_groups": self.own_groups,
            "options": list(self.options),
            "environment": dict(self.environment),
        }


def read_engine(document: Document | None) -> Engine | None:
    """Return the engine that `Engine.document` wrote."""
    if document is None:
        return None
    members = {**document, "path": Path(document["path"]), "options": tuple(document["options"])}
    return Engine(**members)


def find(environ: Mapping[str, str] | None = None) -> Engine | str:
    """Return the engine to use, podman before docker, or why there is none and what to install."""
    told = os.environ if environ is None else environ
    forwarded = tuple((name, told[name]) for name in _FORWARDED if name in told)
    return _find(forwarded, int(time.monotonic() / _FRESH))


@lru_cache(maxsize=4)
def _find(environ: tuple[tuple[str, str], ...], _moment: int) -> Engine | str:
    environment = dict(environ)
    trouble = []
    for kind in ("podman", "docker"):
        path = shutil.which(kind, path=environment.get("PATH", os.defpath))
        if path is None:
            continue
        found = (_podman if kind == "podman" else _docker)(Path(path), environment)
        if isinstance(found, Engine):
            return found
        trouble.append(found)
    return f"{'; '.join(trouble)}. {INSTALL}" if trouble else f"neither is on this machine. {INSTALL}"


def _podman(path: Path, environment: Mapping[str, str]) -> Engine | str:
    told = _told(path, ("info", "--format", "json"), environment)
    if isinstance(told, str):
        return told
    host = told["host"]
    runtime = str(host["ociRuntime"]["name"])
    options: tuple[str, ...] = ()
    if runtime == "crun" and host["cgroupVersion"] != "v2":  # crun wants the one hierarchy
        runc = shutil.which("runc", path=environment.get("PATH", os.defpath))
        if runc is None:
            return f"podman at {path} has crun alone, which needs control groups version 2: install runc"
        runtime, options = "runc", ("--runtime", runc)
    return Engine(
        kind="podman",
        path=path,
        version=str(told["version"]["Version"]),
        runtime=runtime,
        own_groups=host["cgroupManager"] == "cgroupfs" and not host["security"]["rootless"],
        options=options,
        environment=environment,
    )


def _docker(path: Path, environment: Mapping[str, str]) -> Engine | str:
    told = _told(path, ("info", "--format", "{{json .}}"), environment)
    if isinstance(told, str):
        return told
    if not told.get("ServerVersion"):
        return f"docker at {path} does not reach its daemon: {' '.join(told.get('ServerErrors') or ())}"
    return Engine(
        kind="docker",
        path=path,
        version=str(told["ServerVersion"]),
        runtime=str(told.get("DefaultRuntime", "")),
        own_groups=False,
        environment=environment,
    )


def _told(path: Path, words: Sequence[str], environment: Mapping[str, str]) -> Document | str:
    try:
        done = subprocess.run(  # noqa: S603 - the engine, asked for what it is
            [str(path), *words],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
        told: Document = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        words_ = done.stderr.strip() if isinstance(error, ValueError) else str(error)
        return (
            f"{path.name} at {path} does not work: {words_.splitlines()[-1] if words_ else 'it said nothing'}"
        )
    return told


if __name__ == "__main__":
    engine = find()
    print(engine if isinstance(engine, str) else f"{engine.kind} {engine.version} with {engine.runtime}")
    sys.exit(isinstance(engine, str))
