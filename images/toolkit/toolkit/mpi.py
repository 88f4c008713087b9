"""Runs a script under MPI, as `distribution={"mpi": …}` asks for it (docs/evidence/mpi.md, docs/adr/0017).

The first host runs the `mpirun` of Open MPI that the machine or the image has. The others wait behind their
doors (`toolkit.door`) for what it starts there.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from toolkit import door, entry
from toolkit.environment import Training, cpus, gpus
from toolkit.failure import UserError, report

ENABLED = "sagemaker_mpi_enabled"
PROCESSES = "sagemaker_mpi_num_of_processes_per_host"
OPTIONS = "sagemaker_mpi_custom_mpi_options"
NCCL_DEBUG = "--NCCL_DEBUG"  # the one custom option that is not mpirun's own
INSTALL = (
    "Install Open MPI where jobs run (Debian and Ubuntu: `apt install openmpi-bin`), or use "
    "distribution={'torch_distributed': {'enabled': True}} with PyTorch, or leave distribution out"
)


def check(hosts: Sequence[str]) -> None:
    """Refuse what cannot be had here, before anything is run."""
    if shutil.which("mpirun") is None:
        raise UserError(f"The distribution asks for MPI, and there is no mpirun here. {INSTALL}.")
    if len(hosts) > 1 and door.directory() is None:
        raise UserError(
            f"The distribution asks for MPI on {len(hosts)} hosts, which share no directory through "
            f"which the first could start the others ({door.DIRECTORY}). Use instance_count=1 with "
            "more processes_per_host, or distribution={'torch_distributed': {'enabled': True}} with PyTorch."
        )


def run(job: Training, hosts: Sequence[str]) -> int:
    """Run the script on all hosts of the distribution; return its exit code, and 0 on all but the first."""
    words = [*command(job, hosts), *script(job)]
    os.chdir(job.where.code)
    folder = door.directory()
    if job.host != hosts[0]:
        assert folder is not None  # noqa: S101 - `check` saw it
        report(f"{job.host} waits for what {hosts[0]} starts here.")
        door.serve(folder, job.host)
        return 0
    for name, value in settings(job).items():
        os.environ.setdefault(f"OMPI_MCA_{name}", value)
    try:
        return entry.wait_for(words)
    finally:
        if folder is not None:
            door.send_home(folder, hosts[1:])


def settings(job: Training) -> dict[str, str]:
    """Return parameters of Open MPI. They are set as variables: custom options may name any of them again."""
    name = str(job.resources.get("network_interface_name", "eth0"))
    found = {
        "btl": "^openib",
        "btl_tcp_if_include": name,
        "btl_vader_single_copy_mechanism": "none",  # it takes a system call that containers may not make
        "oob_tcp_if_include": name,
        "orte_abort_on_non_zero_status": "1",
        "plm_rsh_agent": f"{sys.executable} -m toolkit.door",
        "plm_rsh_no_tree_spawn": "1",
        "pml": "ob1",
    }
    if processes(job) > cpus():  # one that spins for its turn takes the core from the one it waits for
        found["mpi_yield_when_idle"] = "1"
    return found


def command(job: Training, hosts: Sequence[str]) -> list[str]:
    """Return the words of `mpirun`, the script's own not among them."""
    each = processes(job)
    debug, options = custom(str(job.framework.get(OPTIONS) or ""))
    words = ["mpirun", "--host", ",".join(f"{host}:{each}" for host in hosts)]
    words += ["-np", str(each * len(hosts)), "--allow-run-as-root", "--tag-output"]
    words += ["-bind-to", "none", "-map-by", "slot"]
    words += ["-x", f"NCCL_SOCKET_IFNAME={job.resources.get('network_interface_name', 'eth0')}"]
    words += ["-x", f"NCCL_DEBUG={debug}"]
    words += ["-x", "PYTHONUNBUFFERED="]  # mpirun names the rank before each piece; by lines is soon enough
    return [*words, *options]


def processes(job: Training) -> int:
    """Return how many processes each host runs: as many as asked for, else one for each GPU or one."""
    asked = job.framework.get(PROCESSES)
    if asked in (None, ""):
        return max(1, gpus())
    try:
        count = int(str(asked))
    except ValueError:
        count = 0
    if count < 1:
        raise UserError(
            f"processes_per_host of the MPI distribution is {asked}; it must be a whole number, 1 or more."
        )
    return count


def custom(options: str) -> tuple[str, list[str]]:
    """Return NCCL's level of messages, and what is left for mpirun."""
    debug, rest, words = "INFO", [], iter(options.split())
    for word in words:
        name, equals, value = word.partition("=")
        if name != NCCL_DEBUG:
            rest.append(word)
        elif not (debug := value if equals else next(words, "")):
            raise UserError(f"custom_mpi_options has {NCCL_DEBUG} without a level: write {NCCL_DEBUG} WARN.")
    return debug, rest


def script(job: Training) -> list[str]:
    """Return the words that run the script once; where mpi4py is there, it ends all when one fails."""
    words = entry.command(str(job.program), job.where.code, job.arguments)
    if words[0] != "python":
        path = entry.check(str(job.program), job.where.code)
        return [*entry.runner(path), *words]
    if words[1] != "-m":
        entry.check(str(job.program), job.where.code)
    wrapped = ["-m", "mpi4py"] if importlib.util.find_spec("mpi4py") else []
    return [sys.executable, *wrapped, *words[1:]]


def main() -> int:
    """Say which Open MPI there is; the exit code says whether there is one."""
    found = shutil.which("mpirun")
    if found is None:
        print(f"There is no mpirun. {INSTALL}.")
        return 1
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    print(told.stdout.partition("\n")[0] or f"{found} does not say its version: {told.stderr.strip()}")
    return 0 if "Open MPI" in told.stdout else 1


if __name__ == "__main__":
    sys.exit(main())
