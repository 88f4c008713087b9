"""A command beside a run's program: same place, same user, same variables, a terminal of its own."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.machine import PATIENCE, Machine, gone

from clary.core.settings import Home
from clary.runtime.attach import Refused, find
from clary.runtime.jobdir import JobDirectory
from clary.runtime.local_provisioner import LocalProvisioner
from clary.runtime.spec import RunSpec

WAITS = "import os, time; os.chdir('/opt/ml/model'); print('up', flush=True); time.sleep(600)"


@pytest.fixture
def machine(tmp_path: Path, cache: Path) -> Iterator[Machine]:
    found = Machine(tmp_path / "home", cache, provisioner=LocalProvisioner(memory=1 << 30))
    yield found
    found.close()


def running(machine: Machine, code: str = WAITS) -> str:
    uid = machine.start("python", "-c", code, environment={"MINE": "own"})
    machine.until_printed(uid, "up")
    return uid


def line(machine: Machine, uid: str, *command: str, host: str = "algo-1") -> list[str]:
    return [sys.executable, "-m", "clary.runtime.attach", str(machine.home.root), uid, host, *command]


def attached(
    machine: Machine, uid: str, *command: str, host: str = "algo-1", said: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - our own module
        line(machine, uid, *command, host=host),
        input=said,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )


def test_a_command_is_where_the_program_is(machine: Machine) -> None:
    uid = running(machine)
    look = "pwd; echo $MINE $FROM_IMAGE; id -u; hostname; readlink /proc/*/ns/pid | uniq | wc -l"
    done = attached(machine, uid, "sh", "-c", look)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split() == ["/opt/ml/model", "own", "yes", "1000", "algo-1", "1"]
    status = attached(
        machine, uid, "sh", "-c", "grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status; exit 7"
    )
    assert status.returncode == 7
    assert status.stdout.split() == [b"CapEff:", b"0" * 16, b"NoNewPrivs:", b"1", b"Seccomp:", b"2"]


def test_what_goes_in_comes_out_and_errors_are_apart(machine: Machine) -> None:
    uid = running(machine)
    much = os.urandom(3 << 20)
    done = attached(machine, uid, "sh", "-c", "cat; echo wrong >&2; kill -TERM $$", said=much)
    assert (done.stdout == much, done.stderr, done.returncode) == (True, b"wrong\n", 128 + signal.SIGTERM)


@pytest.mark.parametrize(
    ("host", "command", "words"),
    [
        ("algo-2", ["true"], "There is no host algo-2; there are algo-1."),
        ("algo-1", ["no-such-program"], "Cannot attach: cannot run it: "),
    ],
)
def test_what_cannot_be_is_said(machine: Machine, host: str, command: list[str], words: str) -> None:
    done = attached(machine, running(machine), *command, host=host)
    assert (done.returncode, words in done.stderr.decode()) == (1, True), done.stderr


def test_a_run_that_ended_lets_nobody_in(machine: Machine) -> None:
    uid = machine.python("pass")
    machine.until(uid)
    assert attached(machine, uid, "true").stderr == b"The host algo-1 is not running.\n"


class Terminal:
    """A person at a terminal."""

    def __init__(self, command: list[str]) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execv(command[0], command)  # noqa: S606 - our own module
        self.shown = b""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def see(self, pattern: bytes) -> re.Match[bytes]:
        until = time.monotonic() + PATIENCE
        poller = select.poll()
        poller.register(self.master, select.POLLIN)
        while not (found := re.search(pattern, self.shown)):
            assert time.monotonic() < until, self.shown
            if poller.poll(100):
                self.shown += os.read(self.master, 4096)
        return found

    def end(self) -> int:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                os.read(self.master, 4096)
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_shell_has_a_terminal_that_follows_the_callers_size(machine: Machine) -> None:
    uid = running(machine)
    person = Terminal(line(machine, uid, "sh"))
    person.type("PS1='> '; tty; stty size\n")
    person.see(rb"/dev/pts/\d")
    termios.tcsetwinsize(person.master, (33, 99))
    os.kill(person.pid, signal.SIGWINCH)
    person.type("while [ \"$(stty size)\" != '33 99' ]; do :; done; echo si''zed\n")
    person.see(rb"sized")
    person.type("sh -c 'echo sle\"\"eps; exec sleep 600'\n")
    person.see(rb"sleeps")
    person.type("\x03")  # Ctrl-C ends the command, not the shell
    person.type("echo al''ive; exit 5\n")
    person.see(rb"alive")
    assert person.end() == 5
    assert machine.runtime.inspect(uid).phase == "running"


def test_a_shell_ends_with_its_job_and_does_not_hold_it_up(machine: Machine) -> None:
    uid = running(machine)
    person = Terminal(line(machine, uid))
    person.type("echo he''re\n")
    person.see(rb"here")
    container = machine.container(uid)
    machine.runtime.stop(uid)
    seen = machine.until(uid)
    assert seen.signal == signal.SIGTERM
    gone(container)
    assert person.end() != 0


def test_a_person_who_hangs_up_leaves_nothing_behind(machine: Machine) -> None:
    uid = running(machine)
    person = Terminal(line(machine, uid, "sh"))
    person.type("echo my''pid $$\n")
    inside = person.see(rb"mypid (\d+)")[1].decode()
    os.kill(person.pid, signal.SIGKILL)
    os.waitpid(person.pid, 0)
    look = f"while [ -e /proc/{inside} ]; do :; done"
    assert attached(machine, uid, "sh", "-c", look).returncode == 0


def test_a_host_of_several_is_found_by_its_name(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for number in (1, 2):
        run = JobDirectory(home.jobs / f"job-1-{number}")
        run.path.mkdir(parents=True)
        hosts = ("algo-1", "algo-2")
        run.write_spec(
            RunSpec(uid=run.uid, image="tiny", program="train", host=f"algo-{number}", hosts=hosts)
        )
    (home.jobs / "job-12-1").mkdir()  # of another attempt
    assert find(home, "job-1", "algo-2").uid == "job-1-2"
    with pytest.raises(Refused, match="no host algo-3; there are algo-1, algo-2"):
        find(home, "job-1", "algo-3")
