"""The last resort: a plain process with no isolation at all, and it says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clary.runtime.jobdir import JobDirectory
from clary.runtime.launch import Launch
from clary.runtime.sandbox import INIT, Command, init_argv, program_of, variables
from clary.runtime.spec import RunSpec

NOTE = "no isolation: the program runs as a plain process of this user and sees the whole machine"


class ProcessSandbox:
    """Runs a program beside everything else; /opt/ml is where SAGEMAKER_BASE_DIR points."""

    def prepare(self, job: JobDirectory, spec: RunSpec, launch: Launch) -> None:
        """Make the directories that a sandbox would mount."""
        for path in (job.ml, job.tmp, job.home):
            path.mkdir(exist_ok=True)

    def command(
        self, job: JobDirectory, spec: RunSpec, launch: Launch, binds: Sequence[tuple[Path, str]], report: int
    ) -> Command:
        """Return `init` itself; it becomes the reaper of everything below it."""
        base = {"HOME": str(job.home), "TMPDIR": str(job.tmp), "SAGEMAKER_BASE_DIR": str(job.ml)}
        if spec.serves:
            base["SAGEMAKER_BIND_TO_SOCKET"] = str(launch.sockets / "share" / "http.sock")
        folders = [str(folder) for folder in (launch.image.toolkit, launch.image.folder) if folder]
        base["PYTHONPATH"] = ":".join([*folders, str(job.ml / "site-packages")])
        return Command(
            argv=init_argv(launch, str(INIT), report, program_of(spec, launch)),
            environment=variables(spec, launch, base=base, sandboxed=False),
            descriptors=(report,),
        )
