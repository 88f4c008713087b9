"""This machine as the only host: instance types become shares of it.

Jobs and servers are counted apart, because they are different guests. A *job* (training, processing,
transform) computes all the time: it takes its vCPUs, and jobs that want more than the machine has wait in
line. A *server* is idle most of the time: it takes no CPU from the count, so that an idle endpoint on a
two-core laptop never keeps a job waiting, and of the memory only what a small model server really holds.
Either kind is limited to its type's memory (clamped to the machine's) while it runs, so that no guest can
take the machine down. An environment of a serverless endpoint has a memory size instead of a type, and CPUs
in proportion to it.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

from clary.runtime.launch import Share
from clary.runtime.provisioner import Host, Taken, Waiting

GIB = 1 << 30
SERVER_HOLDS = GIB // 2  # what one idle model server counts for
_KEPT = 0.1  # of the machine's memory stays with the system, at least...
_KEPT_LEAST = GIB // 2
MB_PER_CPU = 1769  # of an environment's memory come with one vCPU: evidence/serverless.md
_SERVERLESS = re.compile(r"serverless\.(\d+)MB")
_UNKNOWN = (2, 8.0)  # an instance type that is not in the table is treated like ml.m5.large


class LocalProvisioner:
    """Gives out shares of the machine it runs on."""

    def __init__(self, cpus: Sequence[int] | None = None, memory: int | None = None) -> None:
        self.cpus = tuple(cpus if cpus is not None else sorted(os.sched_getaffinity(0)))
        total = memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self.memory = max(total - max(int(total * _KEPT), _KEPT_LEAST), GIB // 4)

    def known(self, instance_type: str) -> bool:
        """Tell whether an instance type is in the table."""
        return instance_type in instance_types() or bool(_SERVERLESS.fullmatch(instance_type))

    def reserve(
        self,
        instance_types: Sequence[str],
        kind: Literal["job", "server"],
        taken: Sequence[Taken],
        ahead: int,
    ) -> tuple[Host, ...] | Waiting:
        """Return a share of this machine for each type, or what is in the way."""
        count = 1 if kind == "server" else len(instance_types)
        shares = [self._share(each, count) for each in instance_types]
        if kind == "server":
            held = SERVER_HOLDS * sum(1 for other in taken if other.serves)
            if ahead or held + SERVER_HOLDS * len(shares) > self.memory:
                return Waiting(
                    ahead, f"waiting for memory: this machine has room for {self.servers()} servers"
                )
            return tuple(Host("local", self._placed(cpus, share, taken)) for cpus, share in shares)
        used = {cpu for other in taken if not other.serves for cpu in (other.share.cpus or self.cpus)}
        free = [cpu for cpu in self.cpus if cpu not in used]
        wanted = min(sum(cpus for cpus, _ in shares), len(self.cpus))
        if ahead or len(free) < wanted:
            return Waiting(
                ahead,
                f"waiting for capacity: {wanted} of this machine's {len(self.cpus)} vCPUs are wanted, "
                f"{len(free)} are free",
            )
        hosts, start = [], 0
        for cpus, share in shares:
            own = tuple(free[(start + number) % len(free)] for number in range(cpus))
            hosts.append(Host("local", replace(share, cpus=tuple(sorted(own)))))
            start += cpus
        return tuple(hosts)

    def servers(self) -> int:
        """Return how many servers fit at once."""
        return self.memory // SERVER_HOLDS

    def _share(self, instance_type: str, count: int) -> tuple[int, Share]:
        """Return how many CPUs and how much memory one of `count` hosts may have."""
        if found := _SERVERLESS.fullmatch(instance_type):
            return self._environment(int(found[1]))
        cpus, gib = instance_types().get(instance_type, _UNKNOWN)
        wanted = max(1, min(cpus, len(self.cpus) // count))
        memory = min(int(gib * GIB), self.memory // count)
        note = self._note(instance_type, cpus, gib, wanted, memory, count)
        return wanted, Share(memory=memory, note=note)

    def _environment(self, megabytes: int) -> tuple[int, Share]:
        """Return the CPUs and the memory of an environment of that size."""
        cpus = min(math.ceil(megabytes / MB_PER_CPU), len(self.cpus))
        memory = min(megabytes << 20, self.memory)
        note = "" if memory == megabytes << 20 else f"{megabytes} MB are clamped to this machine's memory."
        return cpus, Share(memory=memory, cpus=self.cpus[:cpus], note=note)

    def _placed(self, cpus: int, share: Share, taken: Sequence[Taken]) -> Share:
        """Put an environment on the CPUs that have the fewest of its like."""
        if not share.cpus or cpus == len(self.cpus):
            return replace(share, cpus=())
        load = {cpu: sum(cpu in other.share.cpus for other in taken if other.serves) for cpu in self.cpus}
        quiet = sorted(self.cpus, key=lambda cpu: (load[cpu], cpu))
        return replace(share, cpus=tuple(sorted(quiet[:cpus])))

    def _note(self, instance_type: str, cpus: int, gib: float, wanted: int, memory: int, count: int) -> str:
        if instance_type not in instance_types():
            return f"{instance_type} is not in Clary's table of instance types and is treated as ml.m5.large."
        if wanted == cpus and memory == int(gib * GIB):
            return ""
        return (
            f"{instance_type} ({cpus} vCPU, {gib:g} GiB) is clamped to this machine: "
            f"{wanted} vCPU, {memory / GIB:.1f} GiB{f' for each of {count} hosts' if count > 1 else ''}."
        )


def environments(megabytes: int) -> int:
    """Return how many environments of a memory size keep this machine busy and leave half its memory."""
    machine = LocalProvisioner()
    cpus = len(machine.cpus) * MB_PER_CPU // megabytes
    return max(1, min(cpus, machine.memory // 2 // (megabytes << 20)))


def serverless_type(megabytes: int) -> str:
    """Return what stands for an instance type where an environment has a memory size instead."""
    return f"serverless.{megabytes}MB"


@cache
def instance_types() -> Mapping[str, tuple[int, float]]:
    """Return every instance type with its vCPUs and its memory in GiB."""
    text = Path(__file__).with_name("instance_types.toml").read_text(encoding="utf-8")
    found: dict[str, tuple[int, float]] = {}
    for family, sizes in tomllib.loads(text).items():
        for size, (cpus, gib, *_) in sizes.items():
            found[f"ml.{family}.{size}"] = (int(cpus), float(gib))
    return found
