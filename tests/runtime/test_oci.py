"""OCI images by podman or docker: the container contract, its limits, and that nothing is left running.

`make test-slow` selects these where an engine works (`python -m clary.runtime.engine` says so); everywhere
else `test_oci_refusals.py` says what happens without one.
"""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.runtime import oci_root
from tests.runtime.machine import Machine, gone

from clary.core.ids import uid as new_uid
from clary.runtime import cgroups
from clary.runtime import engine as engines
from clary.runtime.alive import ProcessId
from clary.runtime.engine import Engine
from clary.runtime.local_provisioner import LocalProvisioner
from clary.runtime.oci_arguments import container_name
from clary.runtime.spec import Input, Mount, Output, RunSpec, Seen

pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(300)]
ECR = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{oci_root.REPOSITORY}:1"
MODEL = Output(directory="model", name="model.tar.gz", always=False)
PATIENCE = 90.0


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The machine's engine, with the test image in its store."""
    found = engines.find()
    assert isinstance(found, Engine), found
    name = oci_root.put(found, tmp_path_factory.mktemp("root"))
    yield found
    found.call("rmi", "-f", name)


@pytest.fixture
def machine(tmp_path: Path, engine: Engine) -> Iterator[Machine]:
    """A machine on which nothing but OCI images is needed; at the end nothing of it is left."""
    made = Machine(tmp_path / "home", tmp_path / "cache", provisioner=LocalProvisioner(memory=64 << 30))
    yield made
    uids = [path.name for path in made.home.jobs.iterdir() if not path.name.startswith(".")]
    made.close()
    for uid in uids:
        assert engine.inspect("container", container_name(uid)) is None


@pytest.fixture
def api() -> Iterator[str]:
    """An address of this machine's loopback, as the gateway has one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"the api")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def start(machine: Machine, do: str, **members: object) -> str:
    """Start a training container that does one thing."""
    uid = new_uid()
    given: dict[str, object] = {
        "image": ECR,
        "program": "train",
        "instance_type": "ml.t3.medium",
        "files": {"input/config/hyperparameters.json": json.dumps({"do": do})},
        "outputs": (MODEL,),
        "stop_grace": timedelta(seconds=20),
        **members,
    }
    machine.runtime.start(RunSpec(uid=uid, **given))  # type: ignore[arg-type]  # the members that a test names
    return uid


def until(machine: Machine, uid: str, phase: str = "exited", printed: str = "") -> Seen:
    """Look until a run is in a phase and has printed something; engines take their time."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = machine.runtime.inspect(uid)
        if seen.phase == phase and printed in machine.printed(uid):
            return seen
        words = f"{seen}\n{machine.printed(uid)}\n{machine.shim_log(uid)}"
        assert time.monotonic() < deadline and (seen.phase != "exited" or phase == "exited"), words
        time.sleep(0.05)


def test_a_job_trains_by_the_container_contract(machine: Machine, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"1,2\n")
    large.write_bytes(b"x" * (2 << 20))
    inputs = (
        Input(source=small, target="input/data/train/small.csv"),
        Input(source=large, target="input/data/train/large.csv"),
    )
    (tmp_path / "files" / "deep").mkdir(parents=True)
    (tmp_path / "files" / "deep" / "here.txt").write_text("here")
    mounts = (Mount(root=tmp_path / "files", path="deep", target="input/data/shown"),)
    uid = start(machine, "train", inputs=inputs, mounts=mounts, environment={"GIVEN": "a b=c 'd'"})
    seen = until(machine, uid)
    assert (seen.exit_code, seen.failure) == (0, "")
    lines = machine.printed(uid).splitlines()
    assert lines[0] == "/usr/bin/train a b=c 'd' 1"
    assert "/opt/ml/input/data/train/small.csv 4" in lines
    assert f"/opt/ml/input/data/train/large.csv {2 << 20}" in lines
    assert "/opt/ml/input/data/shown/here.txt 4" in lines
    with tarfile.open(seen.outputs["model.tar.gz"]) as tar:
        assert tar.getnames() == ["model.txt"]


def test_a_processing_job_keeps_what_an_images_own_user_wrote(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("1,2\n")
    write = (
        "import pathlib as p; ml = p.Path('/opt/ml'); (ml / 'output/message').write_text('said'); "
        "(ml / 'processing/out/b.csv').write_text((ml / 'processing/in/a.csv').read_text())"
    )
    uid = start(
        machine,
        "train",
        program="process",
        command=(str(oci_root.PYTHON), "-c"),
        arguments=(write,),
        inputs=(Input(source=tmp_path / "given", target="processing/in/a.csv"),),
        outputs=(Output(directory="processing/out", name="output-1", always=False, packed=False),),
    )
    seen = until(machine, uid)
    assert (seen.exit_code, seen.failure, seen.message) == (0, "", "said")
    assert (seen.outputs["output-1"] / "b.csv").read_text() == "1,2\n"


def test_entry_point_and_arguments_take_the_place_of_train(machine: Machine) -> None:
    told = start(machine, "train", arguments=("/usr/bin/train", "one", "two words"))
    until(machine, told)
    assert machine.printed(told).startswith("/usr/bin/train one two words")
    told = start(machine, "train", command=("/usr/bin/train", "first"), arguments=("second",))
    until(machine, told)
    assert machine.printed(told).startswith("/usr/bin/train first second")


def test_failures_are_the_programs_own(machine: Machine) -> None:
    failed = until(machine, start(machine, "fail"))
    assert failed.exit_code == 3
    assert failed.failure == "AlgorithmError: it was meant to fail, exit code: 3"
    absent = until(machine, start(machine, "train", command=("no-such-program",)))
    assert absent.exit_code == 127
    assert absent.failure.startswith("AlgorithmError: ")
    full = until(machine, start(machine, "eat"))
    assert (full.exit_code, full.out_of_memory) == (137, True)
    assert "OutOfMemoryError: The program used more than the 4.0 GiB" in full.failure


def test_a_stop_gives_the_program_its_grace_and_then_ends_it(machine: Machine) -> None:
    uid = start(machine, "wait")
    until(machine, uid, "running", "ready")
    machine.runtime.stop(uid)
    seen = until(machine, uid)
    assert (seen.exit_code, seen.failure) == (0, "")
    with tarfile.open(seen.outputs["model.tar.gz"]) as tar:
        assert "stopped" in tar.getnames()
    deaf = start(machine, "deaf", stop_grace=timedelta(seconds=3))
    until(machine, deaf, "running", "ready")
    machine.runtime.stop(deaf)
    assert until(machine, deaf).exit_code == 137


def test_a_job_reaches_this_machine_unless_it_is_isolated(machine: Machine, api: str) -> None:
    uid = start(machine, "call", environment={"AWS_ENDPOINT_URL": api})
    assert until(machine, uid).exit_code == 0
    assert machine.printed(uid).startswith("the api")
    cut_off = start(machine, "call", environment={"AWS_ENDPOINT_URL": api}, network=False)
    assert until(machine, cut_off).exit_code == 1
    assert "Connection refused" in machine.printed(cut_off)


def test_a_secret_is_not_among_the_arguments_of_any_process(machine: Machine) -> None:
    uid = start(machine, "wait", environment={"AWS_CONTAINER_AUTHORIZATION_TOKEN": "sesame-0123"})
    until(machine, uid, "running", "ready")
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"sesame-0123" not in path.read_bytes()
        except OSError:
            continue
    machine.runtime.kill(uid)
    assert until(machine, uid).exit_code == 137


@pytest.mark.parametrize("network", [True, False])
def test_a_server_answers_on_port_8080_whatever_else_serves(
    machine: Machine, api: str, network: bool
) -> None:
    given = {"program": "serve", "serves": True, "network": network, "startup_timeout": timedelta(seconds=60)}
    uids = [start(machine, "", environment={"AWS_ENDPOINT_URL": api}, **given) for _ in range(2)]
    for uid in uids:
        seen = until(machine, uid, "ready")
        assert seen.socket
        assert invoke(seen.socket, b"hello") == b"HELLO"
        assert invoke(seen.socket, b"x" * (3 << 20)) == b"X" * (3 << 20)
        if network:
            assert invoke(seen.socket, b"call") == b"THE API"
        machine.runtime.remove(uid)
    assert not list(machine.home.jobs.glob("[0-9a-f]*"))


@pytest.mark.parametrize("killed", ["shim", "keeper", "both"])
def test_whoever_is_killed_nothing_is_left_running(machine: Machine, engine: Engine, killed: str) -> None:
    uid = start(machine, "wait")
    until(machine, uid, "running", "ready")
    program = first_process(engine, uid)
    group = cgroups.read((machine.job(uid).state() or {})["cgroup"])
    victims = {"shim": machine.shim(uid), "keeper": machine.container(uid)}
    for name, process in victims.items():
        if killed in (name, "both"):
            process.send(signal.SIGKILL)
    seen = until(machine, uid)
    assert seen.exit_code in (None, 137)
    assert seen.failure
    gone(program)
    assert engine.inspect("container", container_name(uid)) is None
    assert group is None or not group.memory.exists()


def test_a_restarted_controller_finds_the_container_running(machine: Machine) -> None:
    uid = start(machine, "wait")
    until(machine, uid, "running", "ready")
    again = machine.again()
    assert again.inspect(uid).phase == "running"
    again.stop(uid)
    assert until(machine, uid).exit_code == 0


def test_an_image_with_a_user_of_its_own_can_write_its_model(machine: Machine, engine: Engine) -> None:
    other = f"{oci_root.REPOSITORY}-user"
    made = engine.call("create", "--name", other, *engine.limits(), oci_root.NAME, "train")
    assert made.returncode == 0, made.stderr
    engine.call("commit", "--change", "USER 1234", other, f"localhost/{other}:1")
    engine.remove(other)
    try:
        seen = until(machine, start(machine, "train", image=f"{other}:1"))
        assert (seen.exit_code, seen.failure) == (0, "")
        assert seen.outputs
    finally:
        engine.call("rmi", "-f", f"localhost/{other}:1")


def invoke(path: Path, body: bytes) -> bytes:
    """Ask a server for a prediction."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(30)
        caller.connect(str(path))
        head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        caller.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
        answer = b""
        while piece := caller.recv(1 << 16):
            answer += piece
    return answer.partition(b"\r\n\r\n")[2]


def first_process(engine: Engine, uid: str) -> ProcessId:
    """Return the program's own process."""
    from clary.runtime.alive import identify

    found = engine.inspect("container", container_name(uid))
    assert found
    process = identify(int(found["State"]["Pid"]))
    assert process
    assert process.pid != os.getpid()
    return process
