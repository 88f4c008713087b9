"""Warm workers: the second run starts at once, and cannot tell."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.runtime.machine import PATIENCE, Machine, breathe, command_lines, gone

from clary.core.ids import uid as new_uid
from clary.runtime.alive import identify
from clary.runtime.builder import ensure
from clary.runtime.images import resolve
from clary.runtime.index import Index
from clary.runtime.jobdir import JobDirectory
from clary.runtime.local_provisioner import LocalProvisioner
from clary.runtime.preload import tells_apart
from clary.runtime.spec import Input, Output, RunSpec, Seen
from clary.runtime.warm import expected, slots, way_in

IMAGE = """
name = "quick"
[programs]
train = ["python", "-m", "job", "--first"]
[environment]
PYTHONPATH = "/opt/image"
[warm]
imports = ["decimal", "job", "no_such_module"]
"""
JOB = """
import os, sys
ahead = 'decimal' in sys.modules
print(__name__, sys.argv[1:], ahead, os.environ.get('MINE'), os.getcwd(), sys.path[0], flush=True)
if __name__ == '__main__' and os.environ.get('CODE'):
    exec(os.environ['CODE'])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A folder with an image that wants imports done ahead."""
    folder = tmp_path_factory.mktemp("warm")
    (folder / "quick").mkdir()
    (folder / "quick" / "image.toml").write_text(IMAGE)
    (folder / "quick" / "job.py").write_text(JOB)
    ensure(resolve("quick", (folder,)), cache, Index())
    return folder


@pytest.fixture
def warm(tmp_path: Path, cache: Path, folder: Path) -> Iterator[Machine]:
    """A machine with a worker that waits."""
    found = Machine(
        tmp_path / "home",
        cache,
        provisioner=LocalProvisioner(memory=64 << 30),
        folders=(folder,),
        warm=True,
    )
    found.until(found.start(image="quick"))
    waiting(found)
    yield found
    found.close()


def waiting(machine: Machine) -> JobDirectory:
    """Wait for a slot that is ready; where none was begun, have another run begin one at its end."""
    until, again = time.monotonic() + PATIENCE, time.monotonic() + PATIENCE / 10
    while True:
        ready = [slot for slot in slots(machine.home.jobs) if (slot.path / "ready").exists()]
        if ready:
            return ready[0]
        logs = [path.read_text() for path in machine.home.jobs.glob(".warm/*/shim.log")]
        assert time.monotonic() < until, logs
        if not logs and time.monotonic() > again:  # at the last run's end the machine's memory was short
            machine.until(machine.start(image="quick"))
            again = time.monotonic() + PATIENCE / 10
        breathe()


def test_a_second_run_takes_the_waiting_interpreter(warm: Machine) -> None:
    uid = warm.start(image="quick", environment={"MINE": "own"})
    assert warm.until(uid).exit_code == 0
    assert warm.printed(uid).splitlines()[-1] == "__main__ ['--first'] True own /opt/ml /opt/ml"
    assert "job ['" in warm.printed(uid), "the import ahead printed before the run did"


def test_a_worker_serves_one_run_only(warm: Machine) -> None:
    code = "import os; os.environ['LEFT'] = '1'; open('/tmp/left', 'w').write('x'); open('/opt/ml/left', 'w')"
    first = warm.start(image="quick", environment={"CODE": code})
    warm.until(first)
    waiting(warm)
    look = "print(os.environ.get('LEFT'), os.path.exists('/tmp/left'), os.path.exists('/opt/ml/left'))"
    second = warm.start(image="quick", environment={"CODE": look})
    warm.until(second)
    assert warm.printed(second).splitlines()[-1] == "None False False"
    assert warm.container(first) != warm.container(second)


def test_a_run_with_its_own_entry_point_is_executed_afresh(warm: Machine) -> None:
    slot = waiting(warm)
    uid = warm.start(
        "sh", "-c", "echo $MINE $0 $TOOLKIT_PRELOADED", image="quick", environment={"MINE": "own"}
    )
    assert warm.until(uid).exit_code == 0
    assert warm.printed(uid).splitlines()[-1] == "own sh"
    assert not slot.path.exists()


@pytest.mark.parametrize("reason", ["variable", "network", "input"])
def test_a_run_that_could_tell_starts_cold(warm: Machine, tmp_path: Path, reason: str) -> None:
    slot = waiting(warm)
    (tmp_path / "large").write_bytes(b"1" * (65 << 20))
    uid = warm.start(
        image="quick",
        environment={"OMP_NUM_THREADS": "1"} if reason == "variable" else {},
        network=reason != "network",
        inputs=[Input(source=tmp_path / "large", target="input/data/x")] if reason == "input" else (),
    )
    assert warm.until(uid).exit_code == 0
    assert slot.path.exists()


def test_inputs_files_and_outputs_are_a_warm_runs_too(warm: Machine, tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"r" * (2 << 20))
    code = "d=open('/opt/ml/input/data/train/rows').read(); open('/opt/ml/model/m','w').write(str(len(d)))"
    uid = warm.start(
        image="quick",
        environment={"CODE": code},
        inputs=[Input(source=tmp_path / "rows", target="input/data/train/rows")],
        files={"input/config/hyperparameters.json": "{}"},
        outputs=[Output(directory="model", name="model.tar.gz")],
    )
    seen = warm.until(uid)
    assert seen.exit_code == 0, warm.printed(uid)
    assert (warm.job(uid).ml / "model" / "m").read_text() == str(2 << 20)
    assert "model.tar.gz" in seen.outputs


def test_a_warm_run_has_its_own_memory_limit(tmp_path: Path, cache: Path, folder: Path) -> None:
    machine = Machine(
        tmp_path / "home",
        cache,
        provisioner=LocalProvisioner(memory=512 << 20),
        folders=(folder,),
        warm=True,
    )
    machine.until(machine.start(image="quick"))
    waiting(machine)
    uid = machine.start(image="quick", environment={"CODE": "x = b'1' * (300 << 20)"})
    seen = machine.until(uid)
    assert seen.out_of_memory
    machine.close()


def test_a_warm_run_stops_and_its_traceback_is_its_own(warm: Machine) -> None:
    uid = warm.start(
        image="quick", environment={"CODE": "import time; print('up', flush=True); time.sleep(600)"}
    )
    warm.until_printed(uid, "up")
    warm.runtime.stop(uid)
    assert warm.until(uid).signal == signal.SIGTERM
    uid = warm.start(image="quick", environment={"CODE": "raise KeyError('label')"})
    assert "KeyError: 'label'" in warm.until(uid).failure


def test_a_warm_run_whose_shim_is_killed_is_lost(warm: Machine) -> None:
    uid = warm.start(
        image="quick", environment={"CODE": "import time; print('up', flush=True); time.sleep(600)"}
    )
    warm.until_printed(uid, "up")
    container = warm.container(uid)
    warm.shim(uid).send(signal.SIGKILL)
    assert "lost" in warm.until(uid).failure
    gone(container)


def test_a_worker_with_yesterdays_program_is_not_taken(warm: Machine, folder: Path) -> None:
    slot = waiting(warm)
    program = folder / "quick" / "job.py"
    later = (slot.path / "launch.json").stat().st_mtime + 1
    os.utime(program, (later, later))
    uid = warm.start(image="quick")
    assert warm.until(uid).exit_code == 0
    assert warm.printed(uid).splitlines()[-1].startswith("__main__ ['--first'] False")
    os.utime(program, (1, 1))


def test_a_worker_that_died_costs_a_run_nothing_but_time(warm: Machine) -> None:
    slot = waiting(warm)
    holder = next(pid for pid, line in command_lines().items() if str(slot.path).encode() in line)
    shim = identify(holder)
    assert shim
    os.kill(holder, signal.SIGKILL)
    gone(shim)
    uid = warm.start(image="quick")
    assert warm.until(uid).exit_code == 0


def test_cooling_ends_every_worker(warm: Machine) -> None:
    slot = waiting(warm)
    sockets = slot.launch()
    assert sockets
    warm.runtime.cool()
    until = time.monotonic() + PATIENCE
    while sockets.sockets.exists():
        assert time.monotonic() < until
        breathe()
    assert list(slots(warm.home.jobs)) == []


def test_a_worker_of_a_warm_pool_stays_for_the_pools_time(warm: Machine) -> None:
    slot = waiting(warm)
    assert not (slot.path / "kept").exists()
    uid = new_uid()
    warm.runtime.start(
        RunSpec(
            uid=uid, image="quick", program="train", kept=timedelta(hours=1), instance_type="ml.t3.medium"
        )
    )
    assert warm.until(uid).exit_code == 0
    until = (waiting(warm).path / "kept").stat().st_mtime
    assert 3000 < until - time.time() <= 3600


def test_workers_get_ready_ahead_for_runs_in_the_queue(tmp_path: Path, cache: Path, folder: Path) -> None:
    machine = Machine(
        tmp_path / "home",
        cache,
        provisioner=LocalProvisioner(cpus=(0,), memory=64 << 30),
        folders=(folder,),
        warm=True,
    )
    waits = {"CODE": "print('up', flush=True)\nimport time; time.sleep(600)"}
    first = machine.start(image="quick", environment=waits)
    assert expected(machine.home.jobs, "quick") == 0
    for _ in range(3):
        machine.start(image="quick", environment=waits)
    machine.start("true")
    assert (expected(machine.home.jobs, "quick"), expected(machine.home.jobs, "tiny")) == (2, 0)
    machine.until_printed(first, "up")
    machine.runtime.kill(first)  # which leaves no worker itself: it did not end well
    second = waiting(machine)
    assert second.launch()
    machine.close()


SCRIPT = """
import sys, os
import beside
def mine(): raise KeyError("lost")
class Kept: pass
ahead = 'decimal' in sys.modules
print(__name__, __file__, sys.argv, ahead, sys.path[0], os.getcwd(), beside.WORD, flush=True)
assert sys.modules['__main__'].Kept is Kept and globals() is vars(sys.modules['__main__'])
if sys.argv[1:] == ["leave"]: sys.exit(5)
if sys.argv[1:] == ["fail"]: mine()
"""
HERE = "/opt/ml/processing/code"


def scripted(
    warm: Machine, folder: Path, *words: str, environment: dict[str, str] | None = None, **beside: str
) -> tuple[Seen, list[str]]:
    """Run a script that was placed with files beside it; return its end and the lines that it printed."""
    folder.mkdir()
    inputs = []
    for name, text in {"go": SCRIPT, "beside": "WORD = 'own'", **beside}.items():
        (folder / name).write_text(text)
        inputs.append(Input(source=folder / name, target=f"processing/code/{name}.py"))
    command = ("python3", f"{HERE}/go.py")
    uid = new_uid()
    asked = RunSpec(
        uid=uid,
        image="quick",
        program="process",
        command=command,
        arguments=words,
        inputs=tuple(inputs),
        environment=environment or {},
    )
    warm.runtime.start(asked)
    seen = warm.until(uid)
    lines = warm.printed(uid).splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("__main__ "))
    return seen, lines[begin:]


def test_a_script_runs_in_the_waiting_interpreter_as_by_hand(warm: Machine, tmp_path: Path) -> None:
    _, said = scripted(warm, tmp_path / "code", "--a", "1")
    assert said == [f"__main__ {HERE}/go.py ['{HERE}/go.py', '--a', '1'] True {HERE} /opt/ml own"]


def test_a_scripts_exit_code_is_its_own(warm: Machine, tmp_path: Path) -> None:
    seen, _ = scripted(warm, tmp_path / "code", "leave")
    assert seen.exit_code == 5


def test_a_scripts_traceback_begins_with_it(warm: Machine, tmp_path: Path) -> None:
    seen, (_, *told) = scripted(warm, tmp_path / "code", "fail")
    assert seen.exit_code == 1 and "KeyError: 'lost'" in seen.failure
    assert told[0] == "Traceback (most recent call last):" and told[-1] == "KeyError: 'lost'"
    assert told[1].strip().startswith(f'File "{HERE}/go.py", line ') and told[1].endswith("in <module>")


def test_a_script_beside_a_module_by_the_name_of_an_imported_one_starts_afresh(
    warm: Machine, tmp_path: Path
) -> None:
    _, (said, *_) = scripted(warm, tmp_path / "code", decimal="WORD = 'shadow'")
    assert f"['{HERE}/go.py'] False {HERE} " in said


INSTALLS = """
import subprocess, sys
WORD = 'installs'
subprocess.run([sys.executable, "-m", "pip", "--version"])
"""


def test_a_script_that_may_bring_other_packages_starts_afresh(warm: Machine, tmp_path: Path) -> None:
    _, (said, *_) = scripted(warm, tmp_path / "code", beside=INSTALLS)
    assert f"['{HERE}/go.py'] False {HERE} " in said and said.endswith(" installs")


@pytest.mark.parametrize(("name", "ahead"), [("SM_MINE", "True"), ("HIDDEN_SETTING", "False")])
def test_a_script_with_variables_that_an_import_may_read_starts_afresh(
    warm: Machine, tmp_path: Path, name: str, ahead: str
) -> None:
    _, (said, *_) = scripted(warm, tmp_path / "code", environment={name: "1"})
    assert f"['{HERE}/go.py'] {ahead} {HERE} " in said


def test_a_script_that_is_a_link_is_looked_at_where_its_modules_are(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "go.py").write_text("print('json' in __import__('sys').modules)")
    (tmp_path / "real" / "json.py").touch()
    (tmp_path / "go.py").symlink_to("real/go.py")
    assert tells_apart(str(tmp_path / "go.py"))
    (tmp_path / "real" / "json.py").unlink()
    assert not tells_apart(str(tmp_path / "go.py"))


@pytest.mark.parametrize(
    ("own", "words", "way"),
    [
        (True, "python -m job --first", {"module": "job", "argv": ["-m", "--first"]}),
        (True, "python /x/y.py -a", {"script": "/x/y.py", "argv": ["/x/y.py", "-a"]}),
        (False, "python3 /x/y.py", {"script": "/x/y.py", "argv": ["/x/y.py"]}),
        (False, "python3 -m job", {"argv": ["python3", "-m", "job"]}),
        (False, "python3 -u /x/y.py", {"argv": ["python3", "-u", "/x/y.py"]}),
        (False, "/usr/bin/python3 /x/y.py", {"argv": ["/usr/bin/python3", "/x/y.py"]}),
        (False, "python3 y.py", {"argv": ["python3", "y.py"]}),
        (False, "serve", {"argv": ["serve"]}),
    ],
)  # fmt: skip
def test_a_waiting_interpreter_becomes(own: bool, words: str, way: dict[str, object]) -> None:
    argv = words.split()
    spec = RunSpec(uid="u", image="i", program="process", command=() if own else tuple(argv))
    assert way_in(spec, argv) == {"module": "", "script": "", **way}
