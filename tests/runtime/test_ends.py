"""Every way a program can end, as its exit.json tells it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tests.runtime.machine import Machine, gone

from clary.runtime.local_provisioner import LocalProvisioner
from clary.runtime.spec import Output

DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready')\ntime.sleep(600)"


def test_a_program_that_ends_well_has_exit_code_0_and_no_failure(machine: Machine) -> None:
    uid = machine.start()
    seen = machine.until(uid)
    assert (seen.exit_code, seen.signal, seen.failure) == (0, None, "")
    assert machine.printed(uid) == "trained\n"
    assert seen.started and seen.ended and seen.started <= seen.ended


def test_an_exit_code_is_told_as_it_was(machine: Machine) -> None:
    seen = machine.until(machine.start("sh", "-c", "echo about to fail; exit 7"))
    assert seen.exit_code == 7
    assert "about to fail" in seen.failure
    assert seen.failure.endswith("exit code: 7")


def test_an_exception_is_told_with_its_last_frames(machine: Machine) -> None:
    seen = machine.until(machine.python("def fit(rows):\n    return 1 / rows\nfit(0)"))
    assert seen.exit_code == 1
    assert seen.failure.startswith("AlgorithmError: ZeroDivisionError: division by zero")
    assert 'File "<string>", line 2, in fit' in seen.failure


def test_the_programs_own_failure_file_wins_over_its_log(machine: Machine) -> None:
    code = "open('/opt/ml/output/failure', 'w').write('the label column is missing'); raise SystemExit(1)"
    assert "the label column is missing" in machine.until(machine.python(code)).failure


def test_a_failure_file_that_is_a_link_is_not_followed(machine: Machine) -> None:
    code = "import os; os.symlink('/etc/hostname', '/opt/ml/output/failure'); raise SystemExit(1)"
    seen = machine.until(machine.python(code))
    assert seen.exit_code == 1
    assert "printed nothing" in seen.failure


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL, signal.SIGTERM])
def test_a_program_that_dies_of_a_signal_names_it(machine: Machine, number: signal.Signals) -> None:
    seen = machine.until(machine.python(f"import os; os.kill(os.getpid(), {int(number)})"))
    assert (seen.exit_code, seen.signal) == (128 + number, number)
    assert number.name in seen.failure


def test_a_program_that_is_not_there_says_how_to_name_one(machine: Machine) -> None:
    seen = machine.until(machine.start("no-such-program"))
    assert seen.exit_code == 127
    assert "PATH" in seen.failure


def test_a_program_that_cannot_be_executed_says_so(machine: Machine) -> None:
    seen = machine.until(machine.start("/etc/hosts"))
    assert seen.exit_code == 126
    assert "chmod" in seen.failure


def test_a_program_that_uses_too_much_memory_is_told_its_limit(tmp_path: Path, cache: Path) -> None:
    small = Machine(tmp_path / "home", cache, provisioner=LocalProvisioner(memory=512 << 20))
    seen = small.until(small.python("x = b'1' * (300 << 20)"))
    assert seen.out_of_memory
    assert seen.exit_code == 137
    assert "0.2 GiB" in seen.failure


def test_a_program_begins_with_no_signal_ignored(machine: Machine) -> None:
    uid = machine.start("grep", "SigIgn", "/proc/self/status")
    machine.until(uid)
    ignored = int(machine.printed(uid).split()[1], 16)
    assert ignored & 0x7FFF_FFFF == 0  # the C library keeps two beyond these to itself


def test_a_daemon_left_behind_ends_with_the_program(machine: Machine) -> None:
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n"
        "    os._exit(0)\n"
        "os.wait()\nprint('done')"
    )
    uid = machine.python(code)
    container = machine.until(uid, "running", "packing", "exited")
    seen = machine.until(uid)
    assert container and seen.exit_code == 0
    gone(machine.container(uid))


def test_a_program_that_outlives_its_shell_keeps_the_grace_to_save(machine: Machine) -> None:
    saver = (
        "import signal, time, sys\n"
        "def save(*_):\n"
        "    open('/opt/ml/model/saved', 'w').write('weights'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\nprint('ready', flush=True)\ntime.sleep(600)\n"
    )
    uid = machine.start(
        "sh", "-c", f'python -c "{saver}"; true', outputs=[Output(directory="model", name="model.tar.gz")]
    )
    machine.until_printed(uid, "ready")
    machine.runtime.stop(uid)
    seen = machine.until(uid)
    assert seen.failure == ""
    assert (machine.job(uid).ml / "model" / "saved").read_text() == "weights"
    assert seen.outputs["model.tar.gz"].stat().st_size > 0


def test_a_program_that_ignores_the_stop_is_killed_after_its_grace(machine: Machine) -> None:
    uid = machine.start("python", "-c", DEAF, grace=0.3)
    machine.until_printed(uid, "ready")
    machine.runtime.stop(uid)
    seen = machine.until(uid)
    assert seen.signal == signal.SIGKILL


def test_a_kill_ends_a_program_at_once(machine: Machine) -> None:
    uid = machine.start("python", "-c", DEAF, grace=600)
    machine.until_printed(uid, "ready")
    machine.runtime.kill(uid)
    assert machine.until(uid).signal == signal.SIGKILL


def test_a_stop_passes_a_kill_on_later(machine: Machine) -> None:
    uid = machine.start("python", "-c", DEAF, grace=600)
    machine.until_printed(uid, "ready")
    machine.runtime.stop(uid)
    machine.runtime.kill(uid)
    assert machine.until(uid).signal == signal.SIGKILL


def test_starting_twice_changes_nothing(machine: Machine) -> None:
    uid = machine.start("sh", "-c", "echo once")
    machine.until(uid)
    machine.runtime.start(machine.job(uid).spec())
    assert machine.until(uid).exit_code == 0
    assert machine.printed(uid) == "once\n"


def test_a_removed_run_leaves_nothing(machine: Machine) -> None:
    uid = machine.python("import time; print('up'); time.sleep(600)")
    machine.until_printed(uid, "up")
    container, shim = machine.container(uid), machine.shim(uid)
    machine.runtime.remove(uid)
    gone(container)
    gone(shim)
    assert machine.runtime.inspect(uid).phase == "absent"
    assert not machine.job(uid).path.exists()
