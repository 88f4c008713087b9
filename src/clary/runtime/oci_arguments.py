"""How a run's container is asked for: the engine's `create`, with all that the contract promises.

Evidence: docs/evidence/oci.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from clary.runtime.cgroups import MOST_PROCESSES, ROOT, Cgroup
from clary.runtime.jobdir import JobDirectory, tag
from clary.runtime.launch import Launch
from clary.runtime.spec import RunSpec

OPEN = ("model", "output", "output/data", "checkpoints")  # of /opt/ml: an image's own user writes here too


def create(
    job: JobDirectory, spec: RunSpec, launch: Launch, binds: Sequence[tuple[Path, str]], group: Cgroup | None
) -> list[str]:
    """Return the words of `create`. The environment travels through a file: it may hold a secret."""
    engine = launch.engine
    if engine is None:
        raise ValueError(f"the run {job.uid} has no engine")
    words = ["create", "--name", container_name(job.uid), "--pull", "never", "--log-driver", "none"]
    words += ["--label", f"clary.run={job.uid}", "--label", f"clary.jobs={job.path.parent}"]
    words += ["--security-opt", "no-new-privileges", "--env-file", str(_environment(job, spec))]
    words += ["--pids-limit", str(MOST_PROCESSES), "--shm-size", f"{launch.share.memory // 2}b"]
    words += [*engine.limits(), *_network(spec), *_share(launch, group)]
    if engine.kind == "podman":
        words += ["--pidfile", str(job.path / "oci.pid")]
    words += ["--volume", f"{job.ml}:/opt/ml"]
    for source, target in binds:
        words += ["--volume", f"{source}:/opt/ml/{target}:ro"]
    for mount in spec.mounts:
        way = "rw" if mount.writable else "ro"
        words += ["--volume", f"{mount.root / mount.path}:/opt/ml/{mount.target}:{way}"]
    for name, value in spec.environment.items():
        if "\n" in value:  # a line of the file holds one variable
            words += ["--env", f"{name}={value}"]
    first, *rest = spec.command or ("",)
    if first:
        words += ["--entrypoint", first]
    own = () if spec.program == "process" else (spec.program,)  # evidence/processing-container.md
    arguments = (*rest, *spec.arguments) if spec.command else (spec.arguments or own)
    return [*words, launch.image.key, *arguments]


def container_name(uid: str) -> str:
    """Return what a run's container is called."""
    return f"clary-{tag(uid)}"


def group_path(group: Cgroup) -> str:
    """Return the path of a group of ours as an engine names it, the same in each hierarchy."""
    below = group.memory.relative_to(ROOT)
    return "/" + "/".join(below.parts[1:] if group.version == 1 else below.parts)


def _network(spec: RunSpec) -> list[str]:
    """Isolated: none at all. A job shares the machine's; a server, whose port is 8080 whatever else
    serves, has one of its own.
    """
    named = ["--hostname", spec.host, "--add-host", f"{spec.host}:127.0.0.1"]
    if not spec.network:
        return ["--network", "none", "--hostname", spec.host]
    return named if spec.serves else ["--network", "host", *named]


def _share(launch: Launch, group: Cgroup | None) -> list[str]:
    engine, memory = launch.engine, str(launch.share.memory)
    cpus = ["--cpuset-cpus", ",".join(map(str, launch.share.cpus))] if launch.share.cpus else []
    if group and engine and engine.own_groups:  # its limit is set already
        return ["--cgroup-parent", group_path(group), *cpus]
    return ["--memory", f"{memory}b", "--memory-swap", f"{memory}b", *cpus]


def _environment(job: JobDirectory, spec: RunSpec) -> Path:
    path = job.path / "oci.env"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        for name, value in spec.environment.items():
            if "\n" not in value:
                file.write(f"{name}={value}\n")
    return path
