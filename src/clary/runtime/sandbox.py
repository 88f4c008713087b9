"""What separates a run from the machine and from other runs: the interface, and what every sandbox has in
common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from clary.runtime.jobdir import JobDirectory
from clary.runtime.launch import Launch
from clary.runtime.spec import RunSpec

Level = Literal["namespaces", "none"]
INTERPRETER = ("-S", "-s", "-P")  # a shim's: nothing of site-packages, nothing of the working directory
LINGER_SECONDS = 2  # what a program leaves behind gets this long after its end
INIT = Path(__file__).with_name("init.py")
PRELOAD = Path(__file__).with_name("preload.py")
_NOTEBOOK = ("amazon_sagemaker_scheduler",)  # what runs notebooks in AWS's images: evidence/notebook-jobs.md


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a sandbox can honour on this machine; `words` explain it to a person, one finding a line."""

    level: Level
    network: bool
    memory: Literal["cgroup v2", "cgroup v1", "per process"]
    mounts: bool
    words: tuple[str, ...] = ()

    def refuses(self, spec: RunSpec) -> str:
        """Return why a run cannot be had here, or nothing: what cannot be honoured is refused, never
        dropped.
        """
        if not spec.network and not self.network:
            return (
                "ClientError: Network isolation was asked for, and this machine cannot give it: "
                f"{' '.join(self.words)} Run `clary doctor` for the cure, or set "
                "EnableNetworkIsolation to false."
            )
        if spec.mounts and not self.mounts:
            return (
                "ClientError: A channel of a file system was asked for, and this machine cannot show one: "
                f" {' '.join(self.words)} Run `clary doctor` for the cure, or use S3DataSource."
            )
        if spec.program == "process" and not self.mounts:
            return (
                "ClientError: A processing job finds its data below /opt/ml, and this machine cannot show it "
                f"there: {' '.join(self.words)} Run `clary doctor` for the cure."
            )
        if len(spec.hosts) > 1 and not self.mounts:
            return (
                "ClientError: Several hosts were asked for, and this machine cannot give them names of their "
                f"own: {' '.join(self.words)} Run `clary doctor` for the cure, or set InstanceCount to 1."
            )
        return ""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A process to start; `descriptors` are handed down, and closed here once it runs."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()
    information: int | None = None


class Sandbox(Protocol):
    """One way of keeping runs apart."""

    def prepare(self, job: JobDirectory, spec: RunSpec, launch: Launch) -> None:
        """Write what the sandbox needs into the job's directory."""
        ...

    def command(
        self, job: JobDirectory, spec: RunSpec, launch: Launch, binds: Sequence[tuple[Path, str]], report: int
    ) -> Command:
        """Return the process that becomes the container.

        `binds` are host files to show read-only under /opt/ml; `report` is the descriptor `init` writes to.
        """
        ...


def program_of(spec: RunSpec, launch: Launch) -> tuple[str, ...]:
    """Return the command line inside: the spec's own entry point, or the image's program."""
    command = spec.command or launch.image.programs.get(spec.program, (spec.program,))
    if command == _NOTEBOOK and not (launch.image.prefix / "bin" / _NOTEBOOK[0]).exists():
        command = ("python", "-m", "toolkit.notebook")
    return (*command, *spec.arguments)


def variables(
    spec: RunSpec, launch: Launch, *, base: Mapping[str, str], sandboxed: bool = True
) -> dict[str, str]:
    """Return the program's environment: the sandbox's, the image's, this installation's, then the run's own.

    Outside a sandbox the image's own paths (/opt/toolkit, say) do not exist, and `base` stands in for them.
    """
    image = launch.image.environment if sandboxed else {}
    own = {
        "PATH": f"{launch.image.prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",  # a line printed is a line in the log
        **base,
        **({"TOOLKIT_MEMORY_BYTES": str(launch.share.memory)} if spec.serves else {}),
        **image,
        **launch.environment,
    }
    theirs = dict(spec.environment)
    if own.get("PYTHONPATH") and theirs.get("PYTHONPATH"):
        theirs["PYTHONPATH"] += ":" + own["PYTHONPATH"]
    return own | theirs


def init_argv(launch: Launch, init: str, report: int, command: Sequence[str]) -> tuple[str, ...]:
    """Return the command line of process 1."""
    interpreter = str(launch.image.base / "bin" / "python3")
    return (interpreter, "-S", "-E", "-I", init, str(report), str(LINGER_SECONDS), "--", *command)
