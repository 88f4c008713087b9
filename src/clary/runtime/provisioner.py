"""Who decides on which machine a run may start, and with how much of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from clary.runtime.launch import Share


@dataclass(frozen=True)
class Host:
    """One place where one container of a run may start: a machine by name, and the share of it."""

    machine: str
    share: Share


@dataclass(frozen=True)
class Waiting:
    """No room yet: how many runs will be served before this one, and why this one waits."""

    ahead: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One reservation in force, as the job directories tell it."""

    uid: str
    share: Share
    serves: bool
    interruptible: bool = False


class Provisioner(Protocol):
    """Maps instance types to machines. It keeps no state of its own: what is taken is told to it each time.

    On one machine the job directories tell; on several, a scheduler that outlives the controllers does. A run
    of several hosts gets all of them or none.
    """

    def reserve(
        self,
        instance_types: Sequence[str],
        kind: Literal["job", "server"],
        taken: Sequence[Taken],
        ahead: int,
    ) -> tuple[Host, ...] | Waiting:
        """Return a host for each type, or what they wait for; `ahead` runs of the same kind came before."""
        ...

    def known(self, instance_type: str) -> bool:
        """Tell whether an instance type is in the table."""
        ...


def taken_from(reservations: Iterable[tuple[Path, Share, bool]]) -> list[Taken]:
    """Return what job directories say is in use."""
    return [Taken(uid=path.name, share=share, serves=serves) for path, share, serves in reservations]
