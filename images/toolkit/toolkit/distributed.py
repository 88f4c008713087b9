"""Runs a script on several hosts as the job's `distribution` asks for.

Each host has a launcher, which meets the others at the first one (docs/evidence/several-hosts.md), or the
first one has `mpirun` for all of them (docs/evidence/mpi.md).
"""

from __future__ import annotations

import os
import socket
import sys
import zlib
from collections.abc import Callable

from toolkit import entry, mpi
from toolkit.environment import Training, gpus
from toolkit.failure import UserError

TORCH = ("sagemaker_torch_distributed_enabled", "sagemaker_pytorch_ddp_enabled")
NOT_HERE = {
    "sagemaker_distributed_dataparallel_enabled": "SageMaker's data parallel library (smdistributed) is not "
    "free software and is not in this image",
    "sagemaker_parameter_server_enabled": "parameter servers, which TensorFlow 1 had, are not started here",
    "sagemaker_pytorch_xla_multi_worker_enabled": "this image has no PyTorch/XLA",
    "sagemaker_multi_worker_mirrored_strategy_enabled": "TF_CONFIG is not made here",
}
FIRST_PORT, PORTS = 20_000, 10_000  # below the ports that systems give out by themselves


def check(job: Training) -> None:
    """Refuse a distribution that cannot be had, before anything is fetched for it."""
    if not _takes_part(job):
        return
    for name, why in NOT_HERE.items():
        if _asked(job, name) and not _made(job, name):
            raise UserError(
                f"The distribution asks for {name}, but {why}. Use distribution={{'torch_distributed': "
                "{'enabled': True}} with PyTorch, or leave it out: the script runs on every host."
            )
    if _asked(job, mpi.ENABLED):
        mpi.check(_hosts(job))


def run(job: Training, plainly: Callable[[], int]) -> int:
    """Run the script as its distribution asks for; return its exit code."""
    if _takes_part(job) and _asked(job, mpi.ENABLED):
        return mpi.run(job, _hosts(job))
    if _takes_part(job) and any(_asked(job, name) for name in TORCH):
        return _torch(job)
    return plainly()


def port(address: str) -> int:
    """Return where the hosts meet: hosts of several jobs may share a machine, and each job has its port."""
    return FIRST_PORT + zlib.crc32(address.encode()) % PORTS


def _torchrun(job: Training) -> list[str]:
    hosts = _hosts(job)
    words = [sys.executable, "-m", "torch.distributed.run", f"--nnodes={len(hosts)}"]
    words.append(f"--nproc_per_node={max(1, gpus())}")
    if len(hosts) > 1:
        words += [
            f"--node_rank={hosts.index(job.host)}",
            f"--master_addr={hosts[0]}",
            f"--master_port={port(socket.gethostbyname(hosts[0]))}",
        ]
    return words


def _torch(job: Training) -> int:
    name = str(job.resources.get("network_interface_name", "eth0"))
    for library in ("GLOO", "NCCL", "TP"):
        os.environ.setdefault(f"{library}_SOCKET_IFNAME", name)
    program = str(job.program)
    if entry.is_package(program, job.where.code):
        script = ["-m", program.removesuffix(".py")]
    elif not program.endswith(".py"):
        raise UserError(
            f"The entry point {program!r} is not Python, which torch_distributed runs. Name a .py file."
        )
    else:
        script = [str(entry.check(program, job.where.code))]
    os.chdir(job.where.code)
    return entry.wait_for([*_torchrun(job), *script, *job.arguments])


def _asked(job: Training, name: str) -> bool:
    return bool(job.framework.get(name))


def _made(job: Training, name: str) -> bool:
    """Tell whether a distribution is there after all: one host needs no servers, and TensorFlow's image has
    told its script of the other hosts."""
    if name == "sagemaker_parameter_server_enabled":
        return len(job.hosts) == 1
    return name == "sagemaker_multi_worker_mirrored_strategy_enabled" and "TF_CONFIG" in os.environ


def _hosts(job: Training) -> list[str]:
    """Return the hosts of the instance groups that the distribution names, or all of them."""
    named = job.framework.get("sagemaker_distribution_instance_groups")
    if not isinstance(named, list):
        return job.hosts
    chosen = [group for group in job.groups if group["instance_group_name"] in named]
    hosts = [str(host) for group in chosen for host in list(group["hosts"])]  # type: ignore[arg-type]
    return [host for host in job.hosts if host in hosts]


def _takes_part(job: Training) -> bool:
    return job.host in _hosts(job)
