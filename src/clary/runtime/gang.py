"""Runs that start together or not at all: the hosts of one job.

Their directories tell everything. A gang is whole once all of them are there; a start that was cut off
between two of them is finished before anything else is looked at, so that no two gangs ever hold a part each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clary.runtime.jobdir import JobDirectory
from clary.runtime.provisioner import Taken
from clary.runtime.spec import RunSpec


@dataclass(frozen=True)
class Gang:
    """The runs of one job, as the job directories tell it; a run of its own is a gang of one."""

    members: tuple[JobDirectory, ...]
    specs: tuple[RunSpec, ...]

    @property
    def whole(self) -> bool:
        """Tell whether every host was asked for, and none has ended."""
        return len(self.specs) == len(self.members) and not any(each.exit() for each in self.members)

    @property
    def cut_off(self) -> bool:
        """Tell whether some of it holds its capacity already."""
        return len(self.members) > 1 and any(each.launch() for each in self.members)

    def types(self) -> list[str]:
        """Return the instance type of each host."""
        return [spec.instance_type for spec in self.specs]

    def others(self, taken: Sequence[Taken]) -> list[Taken]:
        """Return what is in use by anybody else."""
        own = {each.uid for each in self.members}
        return [each for each in taken if each.uid not in own]


def gang_of(jobs: Path, job: JobDirectory, spec: RunSpec) -> Gang:
    """Return the gang that a waiting run belongs to."""
    if not spec.gang:
        return Gang((job,), (spec,))
    members = tuple(JobDirectory(jobs / uid) for uid in spec.gang)
    return Gang(members, tuple(each.spec() for each in members if each.path.exists()))
