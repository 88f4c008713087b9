"""Scripts under MPI, on one host and on several, in real sandboxes with the machine's own Open MPI."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.runtime.machine import Machine, breathe

from clary.core.ids import uid as new_uid
from clary.runtime.local_provisioner import LocalProvisioner
from clary.runtime.network import interface
from clary.runtime.spec import RunSpec, Seen

pytestmark = [pytest.mark.slow, pytest.mark.mpi]
PATIENCE = 100.0  # seconds; Open MPI reads a hundred libraries in each of its processes
# Fits a line by gradient descent, the gradients summed over all processes by MPI itself.
SCRIPT = """
import ctypes, os, sys
mpi = ctypes.CDLL("libmpi.so.40", mode=ctypes.RTLD_GLOBAL)
named = lambda name: ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(mpi, name)))
world = named("ompi_mpi_comm_world")
mpi.MPI_Init(None, None)
rank, size = int(os.environ["OMPI_COMM_WORLD_RANK"]), int(os.environ["OMPI_COMM_WORLD_SIZE"])
print("rank", rank, "of", size, "on", os.environ["SM_CURRENT_HOST"], *sys.argv[1:], flush=True)
rows = [(x / 32, 3 * x / 32 - 1) for x in range(64)][rank::size]
slope = offset = 0.0
for epoch in range(5):
    mine, all = (ctypes.c_double * 3)(), (ctypes.c_double * 3)()
    for x, y in rows:
        error = slope * x + offset - y
        for at, part in enumerate((error * error, 2 * error * x, 2 * error)):
            mine[at] += part / 64
    mpi.MPI_Allreduce(mine, all, 3, named("ompi_mpi_double"), named("ompi_mpi_op_sum"), world)
    slope, offset = slope - 0.1 * all[1], offset - 0.1 * all[2]
    if rank == 0:
        print(f"epoch={epoch} loss={all[0]:.9f}", flush=True)
open(os.environ["SM_MODEL_DIR"] + f"/rank-{rank}", "w").write(str(slope))
mpi.MPI_Finalize()
"""


@pytest.fixture
def two(tmp_path: Path, cache: Path) -> Iterator[Machine]:
    """A machine with two CPUs."""
    found = Machine(tmp_path / "home", cache, provisioner=LocalProvisioner(cpus=(0, 1), memory=8 << 30))
    yield found
    found.close()


def train(
    machine: Machine, script: str, *, hosts: int, each: int, network: bool = True, options: str = ""
) -> list[str]:
    """Start a script under MPI as SDK 2.x asks for it; return the runs of its hosts."""
    names, job = tuple(f"algo-{number}" for number in range(1, hosts + 1)), new_uid()
    uids = tuple(f"{job}-1-{number}" for number in range(1, hosts + 1))
    asked = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": "/opt/ml/code",
        "sagemaker_mpi_enabled": True,
        "sagemaker_mpi_num_of_processes_per_host": each,
        "sagemaker_mpi_custom_mpi_options": options,
        "rate": 0.1,
    }
    for uid, host in zip(uids, names, strict=True):
        told = {
            "current_host": host,
            "hosts": names,
            "network_interface_name": interface(hosts=hosts, network=network),
        }
        files = {
            "input/config/hyperparameters.json": json.dumps({k: json.dumps(v) for k, v in asked.items()}),
            "input/config/inputdataconfig.json": "{}",
            "input/config/resourceconfig.json": json.dumps(told),
            "code/train.py": script,
        }
        machine.runtime.start(
            RunSpec(
                uid=uid,
                image="tiny",
                program="train",
                command=("python", "-m", "toolkit.train"),
                host=host,
                hosts=names,
                gang=uids if hosts > 1 else (),
                instance_type="ml.m6g.medium",
                files=files,
                network=network,
            )
        )
    return list(uids)


def look(machine: Machine, uid: str, enough: Callable[[Seen], bool]) -> Seen:
    """Look, longer than other tests do, until what is seen is enough."""
    until = time.monotonic() + PATIENCE
    while not enough(seen := machine.runtime.inspect(uid)):
        assert time.monotonic() < until, f"{seen}\n{machine.printed(uid)}\n{machine.shim_log(uid)}"
        breathe()
    return seen


def end(machine: Machine, uid: str) -> Seen:
    return look(machine, uid, lambda seen: seen.phase == "exited")


def begun(machine: Machine, uid: str, ranks: int) -> None:
    """Wait until each rank has printed its first line."""
    lines = [f"[1,{rank}]<stdout>:began" for rank in range(ranks)]
    look(machine, uid, lambda _: all(line in machine.printed(uid) for line in lines))


def ended(machine: Machine, uids: list[str]) -> list[str]:
    """Return what the hosts printed, once all of them have ended well."""
    for uid in uids:
        assert end(machine, uid).exit_code == 0, [machine.printed(each) for each in uids]
    return [machine.printed(uid) for uid in uids]


def losses(printed: str) -> list[float]:
    return [float(line.partition("loss=")[2]) for line in printed.splitlines() if "loss=" in line]


@pytest.mark.parametrize("network", [True, False])
def test_two_hosts_of_two_processes_have_the_loss_of_one(two: Machine, network: bool) -> None:
    (alone,) = ended(two, train(two, SCRIPT, hosts=1, each=1))
    uids = train(
        two, SCRIPT, hosts=2, each=2, network=network, options="-x NCCL_PROTO=simple --NCCL_DEBUG WARN"
    )
    first, second = ended(two, uids)
    assert len(losses(alone)) == 5
    assert losses(first) == pytest.approx(losses(alone), abs=1e-8)
    for rank in range(4):
        assert f"[1,{rank}]<stdout>:rank {rank} of 4 on algo-{1 + rank // 2} --rate 0.1" in first
    assert second == "algo-2 waits for what algo-1 starts here.\n"
    models = [two.job(uid).ml / "model" for uid in uids]
    assert [sorted(path.name for path in model.iterdir()) for model in models] == [
        ["rank-0", "rank-1"],
        ["rank-2", "rank-3"],
    ]


def test_a_rank_that_fails_ends_all_of_them_and_fails_the_first_host(two: Machine) -> None:
    script = "import os, time; os.environ['OMPI_COMM_WORLD_RANK'] == '3' and exit(7); time.sleep(600)"
    first, second = train(two, script, hosts=2, each=2)
    assert end(two, first).exit_code == 7, two.printed(first)
    assert "mpirun" in end(two, first).failure
    assert end(two, second).exit_code == 0, two.printed(second)


def test_hosts_that_are_stopped_end_with_what_they_run(two: Machine) -> None:
    script = "import time; print('began', flush=True); time.sleep(600)"
    uids = train(two, script, hosts=2, each=2)
    begun(two, uids[0], 4)
    for uid in uids:
        two.runtime.stop(uid)
    for uid in uids:
        assert end(two, uid).exit_code != 0


def test_a_host_that_is_lost_fails_the_first(two: Machine) -> None:
    script = "import time; print('began', flush=True); time.sleep(600)"
    first, second = train(two, script, hosts=2, each=1)
    begun(two, first, 2)
    two.runtime.kill(second)
    assert end(two, first).exit_code != 0
