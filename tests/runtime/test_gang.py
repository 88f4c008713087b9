"""The hosts of one job start together or not at all."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.machine import Machine, gone

from clary.core.ids import uid as new_uid
from clary.runtime.admission import sockets
from clary.runtime.alive import read
from clary.runtime.local_provisioner import LocalProvisioner
from clary.runtime.spec import Input, RunSpec

ONE = "ml.m6g.medium"  # one vCPU
SLEEP = ("sh", "-c", "echo up; sleep 600")


@pytest.fixture
def two(tmp_path: Path, cache: Path) -> Iterator[Machine]:
    """A machine with two CPUs."""
    found = Machine(tmp_path / "home", cache, provisioner=LocalProvisioner(cpus=(0, 1), memory=8 << 30))
    yield found
    found.close()


def gang(
    machine: Machine,
    *,
    start: int = 2,
    command: tuple[str, ...] = SLEEP,
    network: bool = True,
    environment: Mapping[str, str] | None = None,
    second: Sequence[Input] = (),
) -> list[str]:
    """Ask for the two hosts of a job, or for the first `start` of them; `second` are inputs of the second."""
    job = new_uid()
    uids, hosts = (f"{job}-1-1", f"{job}-1-2"), ("algo-1", "algo-2")
    for uid, host in list(zip(uids, hosts, strict=True))[:start]:
        machine.runtime.start(
            RunSpec(
                uid=uid,
                image="tiny",
                program="train",
                command=command,
                environment=environment or {},
                host=host,
                hosts=hosts,
                gang=uids,
                instance_type=ONE,
                network=network,
                inputs=tuple(second) if host == "algo-2" else (),
            )
        )
    return list(uids)


def test_hosts_start_together_each_with_its_own_cpu(two: Machine) -> None:
    uids = gang(two)
    for uid in uids:
        two.until_printed(uid, "up")
    launches = [two.job(uid).launch() for uid in uids]
    assert [launch.share.cpus for launch in launches if launch] == [(0,), (1,)]


def test_a_gang_that_is_not_whole_holds_nothing_and_nobody_up(two: Machine) -> None:
    first, second = gang(two, start=1)
    assert two.runtime.inspect(first).phase == "queued"
    assert "other hosts" in two.runtime.inspect(first).note
    other = two.start(*SLEEP, instance_type="ml.t3.medium")
    two.until_printed(other, "up")
    assert two.runtime.inspect(second).phase == "absent"


def test_a_gang_waits_until_there_is_room_for_all_of_it(two: Machine) -> None:
    alone = two.start(*SLEEP, instance_type=ONE)
    two.until_printed(alone, "up")
    one, other = gang(two), gang(two)
    assert {two.runtime.inspect(uid).note.partition(",")[0] for uid in one} == {"Number 1 in the queue"}
    assert {two.runtime.inspect(uid).note.partition(",")[0] for uid in other} == {"Number 2 in the queue"}
    assert not [uid for uid in (*one, *other) if two.job(uid).launch()]
    two.runtime.kill(alone)
    for uid in one:
        two.until_printed(uid, "up")
    assert {two.runtime.inspect(uid).phase for uid in other} == {"queued"}
    for uid in one:
        two.runtime.kill(uid)
    for uid in other:
        two.until_printed(uid, "up")


def test_a_start_that_was_cut_off_is_finished_before_anybody_else_starts(two: Machine) -> None:
    alone = two.start(*SLEEP, instance_type="ml.t3.medium")
    two.until_printed(alone, "up")
    waiting = two.start(*SLEEP, instance_type="ml.t3.medium")
    uids = gang(two)
    launch = two.job(alone).launch()
    assert launch
    half = replace(launch, share=replace(launch.share, cpus=(0,)), sockets=sockets(two.home, uids[0]))
    two.job(uids[0]).write_launch(half)  # whoever did this was killed before it came to the second
    two.runtime.kill(alone)
    two.until(alone)
    for uid in uids:
        two.until_printed(uid, "up")
    told = two.job(uids[1]).launch()
    assert told and told.share.cpus == (1,)
    assert two.runtime.inspect(waiting).phase == "queued"


def test_a_queued_host_can_be_stopped_with_the_others(two: Machine) -> None:
    uids = gang(two, start=1)
    two.runtime.stop(uids[0])
    assert two.until(uids[0]).started is None


def test_hosts_know_each_other_by_name(two: Machine) -> None:
    uids = gang(two, command=("sh", "-c", "hostname; getent hosts algo-1 algo-2"))
    told = []
    for uid in uids:
        two.until(uid)
        told.append(two.printed(uid).split())
    assert [lines[0] for lines in told] == ["algo-1", "algo-2"]
    assert told[0][1:] == told[1][1:]
    assert len({*told[0][1:]}) == 4
    assert told[0][1].startswith("127.")


TALK = """
import socket, sys
me, other = sys.argv[1:3]
server = socket.create_server((me, 2222))
if me == "algo-1":
    caller, (address, _) = server.accept()
    print("heard", caller.recv(9).decode(), address, flush=True)
else:
    while True:
        try:
            out = socket.create_connection((other, 2222), timeout=5)
            break
        except OSError:
            pass
    out.sendall(b"a byte")
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[3])), timeout=2)
    print("out", flush=True)
except OSError:
    print("alone", flush=True)
"""


@pytest.mark.parametrize("network", [True, False])
def test_isolated_hosts_reach_each_other_and_nobody_else(two: Machine, network: bool) -> None:
    other = "$(test $(hostname) = algo-1 && echo algo-2 || echo algo-1)"
    talk = f'python -c "$CODE" $(hostname) {other} $PORT'
    with socket.create_server(("127.0.0.1", 0)) as outside:
        port = str(outside.getsockname()[1])
        command, environment = ("sh", "-c", talk), {"CODE": TALK, "PORT": port}
        uids = gang(two, command=command, network=network, environment=environment)
        for uid in uids:
            assert two.until(uid).exit_code == 0, two.printed(uid) + two.shim_log(uid)
    rest = "out" if network else "alone"
    assert two.printed(uids[0]).startswith("heard a byte ")
    assert two.printed(uids[0]).endswith(f"\n{rest}\n")
    assert two.printed(uids[1]) == f"{rest}\n"


def test_the_process_that_holds_a_network_ends_with_the_last_host(two: Machine) -> None:
    uids = gang(two, network=False)
    for uid in uids:
        two.until_printed(uid, "up")
    told = json.loads((two.job(uids[0]).path / "hub.json").read_text())
    hub = read(told["hub"])
    assert hub and hub.alive()
    two.runtime.kill(uids[0])
    two.until(uids[0])
    assert hub.alive()
    two.runtime.kill(uids[1])
    gone(hub)


def test_a_host_that_comes_when_its_network_is_gone_says_so(two: Machine, tmp_path: Path) -> None:
    archive, made = tmp_path / "m.tar", io.BytesIO()
    os.mkfifo(archive)  # which holds the second host up until somebody writes to it
    uids = gang(two, network=False, second=[Input(source=archive, target="model", unpack=True)])
    two.until_printed(uids[0], "up")
    two.until(uids[1], "preparing")
    hub = read(json.loads((two.job(uids[0]).path / "hub.json").read_text())["hub"])
    assert hub
    hub.send(signal.SIGKILL)
    gone(hub)
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("file"))
    with archive.open("r+b", buffering=0) as pipe:  # which waits for no reader
        pipe.write(made.getvalue())
        assert "the network of the job's hosts may be gone" in two.until(uids[1]).failure
