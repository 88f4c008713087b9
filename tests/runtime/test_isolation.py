"""What a job can see and change: its own things, and nothing else of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.runtime.machine import Machine, command_lines

from clary.runtime.spec import Input


def shell(machine: Machine, script: str, network: bool = True) -> str:
    """Run a shell script in a sandbox; return what it printed."""
    uid = machine.start("sh", "-c", script, network=network)
    machine.until(uid)
    return machine.printed(uid)


def test_a_job_sees_no_home_and_no_other_job(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("host secret")
    machine.until(machine.start())
    assert "host secret" not in shell(machine, f"cat {tmp_path}/secret 2>&1")
    home = machine.home
    for path in (home.jobs, home.database, home.keys, home.objects, home.run, Path.home() / ".aws"):
        assert "No such file" in shell(machine, f"ls {path} 2>&1"), path


def test_a_job_sees_only_its_own_processes(machine: Machine) -> None:
    lines = shell(machine, "ls -d /proc/[0-9]*").split()
    assert len(lines) < 5


def test_a_job_has_no_capability_and_cannot_gain_one(machine: Machine) -> None:
    status = shell(machine, "cat /proc/self/status")
    fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"


@pytest.mark.parametrize(
    "call",
    [
        "unshare -Ur true",
        "mount -t tmpfs none /mnt",
        "mount -o remount,rw /usr",
        "chroot / true",
        "umount /proc",
    ],
)
def test_a_job_cannot_rearrange_its_world(machine: Machine, call: str) -> None:
    assert "allowed" not in shell(machine, f"{call} && echo allowed")


def test_a_job_can_write_to_nothing_of_the_kernel(machine: Machine) -> None:
    files = "find /proc /sys -path '/proc/[0-9]*' -prune -o -path /proc/pressure -prune -o -type f -writable"
    found = shell(machine, files + """ -exec sh -c '[ -f "$1" ] && echo "$1"' _ {} \\; 2>/dev/null""")
    assert found.split() == []


def test_a_job_cannot_write_to_the_system_or_the_image(machine: Machine) -> None:
    prefix = shell(machine, "dirname $(dirname $(which python))").strip()
    for path in ("/usr/x", "/etc/hosts", f"{prefix}/x", "/opt/image/x"):
        assert "written" not in shell(machine, f"(echo x > {path}) && echo written"), path


def test_a_large_input_is_shown_without_a_copy_and_cannot_be_changed(
    machine: Machine, tmp_path: Path
) -> None:
    content = tmp_path / "content"
    content.write_bytes(b"1" * (2 << 20))
    uid = machine.start(
        "sh",
        "-c",
        "cd /opt/ml/input/data/train && wc -c < big; echo x > big; chmod 777 big; rm -f big; "
        "touch other && echo rw",
        inputs=[Input(source=content, target="input/data/train/big")],
    )
    machine.until(uid)
    printed = machine.printed(uid)
    assert printed.startswith(f"{2 << 20}\n")
    assert printed.endswith("rw\n")
    assert content.read_bytes() == b"1" * (2 << 20)
    assert content.stat().st_mode & 0o777 == 0o644


def test_a_small_input_is_the_jobs_own_to_change(machine: Machine, tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.write_text("#!/bin/sh\necho ran\n")
    script = "/opt/ml/input/data/code/run.sh"
    uid = machine.start(
        "sh",
        "-c",
        f"chmod +x {script} && {script} && echo changed > {script} && cat {script}",
        inputs=[Input(source=content, target="input/data/code/run.sh")],
    )
    machine.until(uid)
    assert machine.printed(uid) == "ran\nchanged\n"
    assert content.read_text() == "#!/bin/sh\necho ran\n"


def test_an_input_deleted_after_the_start_is_still_there(machine: Machine, tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.write_text("data")
    uid = machine.start(
        "cat", "/opt/ml/input/data/train/x", inputs=[Input(source=content, target="input/data/train/x")]
    )
    content.unlink()
    assert machine.until(uid).exit_code == 0
    assert machine.printed(uid) == "data"


def test_an_isolated_job_has_loopback_and_nothing_else(machine: Machine) -> None:
    code = (
        "import socket\n"
        "s = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(s.getsockname()); print('loopback')\n"
        "print(sorted(name for _, name in socket.if_nameindex()))\n"
    )
    uid = machine.start("python", "-c", code, network=False)
    machine.until(uid)
    assert machine.printed(uid) == "loopback\n['lo']\n"


def test_every_host_of_a_job_has_a_name(machine: Machine) -> None:
    assert shell(machine, "hostname; cat /etc/hosts").startswith("algo-1\n")
    assert "algo-1" in shell(machine, "getent hosts algo-1")


def test_a_job_finds_its_files_its_variables_and_its_programs(machine: Machine) -> None:
    uid = machine.start(
        "sh",
        "-c",
        "cat /opt/ml/input/config/hyperparameters.json; echo; echo $FROM_IMAGE $MINE; "
        "python3 -m pip --version; pwd",
        files={"input/config/hyperparameters.json": json.dumps({"depth": "3"})},
        environment={"MINE": "too"},
    )
    machine.until(uid)
    config, variables, pip, directory = machine.printed(uid).splitlines()
    assert json.loads(config) == {"depth": "3"}
    assert variables == "yes too"
    assert pip.startswith("pip ")
    assert directory == "/opt/ml"


def test_only_the_owner_can_read_a_runs_directory(machine: Machine) -> None:
    uid = machine.start("true", environment={"TOKEN": "secret"})
    machine.until(uid)
    assert machine.home.jobs.stat().st_mode & 0o077 == 0
    assert (machine.job(uid).path / "spec.json").stat().st_mode & 0o077 == 0


def test_no_secret_of_a_run_is_on_a_command_line(machine: Machine) -> None:
    uid = machine.start("sh", "-c", "echo up; sleep 600", environment={"TOKEN": "very-secret-token"})
    machine.until_printed(uid, "up")
    lines = command_lines().values()
    assert any(uid.encode() in line for line in lines)
    assert not any(b"very-secret-token" in line for line in lines)
