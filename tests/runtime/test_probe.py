"""What a machine can isolate, and what is refused where it cannot."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.runtime.machine import Machine, gone

from clary.runtime import cgroups, seccomp
from clary.runtime.probe import find, probe


def test_this_machine_has_a_sandbox_and_says_what_it_can_do() -> None:
    found = probe()
    assert found.sandbox == "bwrap"
    assert found.bwrap in find()
    assert found.capabilities.network
    assert any("isolated by namespaces" in line for line in found.capabilities.words)


def test_without_bubblewrap_there_is_no_isolation_and_the_cure_is_named() -> None:
    found = probe(())
    assert found.sandbox == "process"
    assert found.capabilities.level == "none"
    assert "NOT isolated" in found.capabilities.words[0]
    assert "apt install bubblewrap" in found.capabilities.words[1]


def test_a_bubblewrap_that_does_not_work_is_not_used(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho setting up uid map: Permission denied >&2; exit 1\n")
    broken.chmod(0o755)
    found = probe((broken,))
    assert found.sandbox == "process"
    assert "Permission denied" in found.capabilities.words[1]


def test_an_older_bubblewrap_is_used_and_what_it_lacks_is_said(tmp_path: Path) -> None:
    older = tmp_path / "bwrap"
    older.write_text(
        '#!/bin/sh\nfor a; do [ "$a" = --disable-userns ] && { echo Unknown option >&2; exit 1; }; done\n'
        f'exec {find()[0]} "$@"\n'
    )
    older.chmod(0o755)
    found = probe((older,))
    assert (found.sandbox, found.disable_userns) == ("bwrap", False)
    assert any("namespaces inside theirs" in line for line in found.capabilities.words)


def test_network_isolation_is_refused_where_it_cannot_be_had(tmp_path: Path, cache: Path) -> None:
    machine = Machine(tmp_path / "home", cache, probe=probe(()))
    seen = machine.until(machine.start("true", network=False))
    assert seen.exit_code is None
    assert "Network isolation was asked for" in seen.failure


def test_the_last_resort_runs_ends_and_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    machine = Machine(tmp_path / "home", cache, probe=probe(()))
    uid = machine.start(
        "python",
        "-c",
        "import os, time\nprint(os.environ['SAGEMAKER_BASE_DIR'], flush=True)\n"
        "if os.fork() == 0:\n    os.setsid()\n    print('child', os.getpid(), flush=True)\n"
        "    time.sleep(600)\n"
        "time.sleep(600)",
    )
    seen = machine.until_printed(uid, "child")
    assert "NOT isolated" in seen.note
    assert machine.printed(uid).startswith(str(machine.job(uid).ml))
    container = machine.container(uid)
    child = int(machine.printed(uid).split()[-1])
    machine.runtime.stop(uid)
    assert machine.until(uid).signal == 15
    gone(container)
    assert not Path(f"/proc/{child}").exists()
    machine.close()


def test_a_last_resort_whose_shim_is_killed_leaves_no_orphan(tmp_path: Path, cache: Path) -> None:
    machine = Machine(tmp_path / "home", cache, probe=probe(()))
    uid = machine.start("sh", "-c", "sleep 600 & echo child $!; wait")
    machine.until_printed(uid, "child")
    container = machine.container(uid)
    child = int(machine.printed(uid).split()[-1])
    machine.shim(uid).send(signal.SIGKILL)
    assert "lost" in machine.until(uid).failure
    gone(container)
    machine.look(uid, lambda _: not Path(f"/proc/{child}").exists())
    machine.close()


def test_the_filter_is_whole_and_its_jumps_stay_inside() -> None:
    program = seccomp.program()
    assert program
    steps = [program[at : at + 8] for at in range(0, len(program), 8)]
    assert len(program) == 8 * len(steps) and len(steps) < 4096
    for at, step in enumerate(steps):
        if step[0] & 0x07 == 0x05:
            assert at + 1 + max(step[2], step[3]) < len(steps)
    assert steps[-1][0] == 0x06


def test_a_version_2_group_is_made_below_the_nearest_ancestor_that_allows_it(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    scope = root / "user.slice" / "session.scope"
    scope.mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu memory pids")
    (root / "user.slice" / "cgroup.subtree_control").write_text("memory pids")
    (root / "user.slice" / "cgroup.procs").touch()
    made = cgroups.create("run", 1 << 30, root, "0::/user.slice/session.scope\n")
    assert made is not None
    assert made.memory == root / "user.slice" / "clary-run"
    assert (made.memory / "memory.max").read_text() == str(1 << 30)
    (made.memory / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert made.kills() == 2
    assert cgroups.read(made.document()) == made


def test_no_group_is_made_where_nothing_is_writable(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("")
    assert cgroups.create("run", 1 << 30, tmp_path, "0::/\n") is None
    assert [path.name for path in tmp_path.iterdir()] == ["cgroup.controllers"]
