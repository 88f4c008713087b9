"""What a run uses of its host is measured from outside: once more at its end, with cgroups or not."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from tests.runtime.machine import Machine

from clary.runtime.alive import identify
from clary.runtime.cgroups import Cgroup
from clary.runtime.jobdir import JobDirectory
from clary.runtime.local_provisioner import LocalProvisioner
from clary.runtime.usage import FIRST, Meter, path_of, read

BUSY = "import time; end=time.process_time()+1.2\nx=b'1'*(64<<20)\nwhile time.process_time()<end: pass"


def test_a_run_of_a_second_leaves_samples(tmp_path: Path, cache: Path) -> None:
    machine = Machine(tmp_path / "home", cache, provisioner=LocalProvisioner(memory=256 << 20))
    uid = machine.python(BUSY)
    assert machine.until(uid).exit_code == 0
    lines = machine.runtime.usage(uid, 0)
    first, *more = (json.loads(line) for line in lines.splitlines())
    assert 1 < first["cpu"] <= 100 * (os.cpu_count() or 1)
    assert 0 < first["memory"] <= 100 and 0 < first["disk"] < 100
    assert not any("memory" in sample for sample in more[-1:])
    assert machine.runtime.usage(uid, len(lines)) == b""
    machine.close()


def test_without_a_control_group_the_processes_are_counted(tmp_path: Path) -> None:
    job = JobDirectory(tmp_path)
    made = time.monotonic()
    meter = Meter(job, None, 1 << 40)
    meter.follow(identify(os.getpid()))
    meter.look()
    told = path_of(job).exists()
    assert not told or time.monotonic() - made >= FIRST, f"a sample before {FIRST} s"
    path_of(job).unlink(missing_ok=True)
    began = time.process_time()
    while time.process_time() - began < 0.05:
        pass
    meter.look(last=True)
    sample = json.loads(read(job, 0))
    assert sample["cpu"] > 0 and sample["memory"] > 0


def test_a_run_that_is_over_in_a_moment_leaves_one_sample_with_the_most_it_had(
    tmp_path: Path, cache: Path
) -> None:
    machine = Machine(tmp_path / "home", cache, provisioner=LocalProvisioner(memory=256 << 20))
    uid = machine.start("true")
    machine.until(uid)
    samples = [json.loads(line) for line in machine.runtime.usage(uid, 0).splitlines()]
    assert samples[0]["memory"] > 0
    machine.close()


def test_half_a_line_is_not_read(tmp_path: Path) -> None:
    path_of(JobDirectory(tmp_path)).write_bytes(b'{"time":1}\n{"ti')
    assert read(JobDirectory(tmp_path), 0) == b'{"time":1}\n'


def test_both_versions_of_control_groups_tell_time_and_memory(tmp_path: Path) -> None:
    two = tmp_path / "two"
    two.mkdir()
    (two / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")
    (two / "memory.current").write_text("1000\n")
    (two / "memory.stat").write_text("anon 1\ninactive_file 400\n")
    assert (Cgroup(2, two).cpu_seconds(), Cgroup(2, two).memory_used()) == (2.5, 600)
    one, counted = tmp_path / "one", tmp_path / "counted"
    for path in (one, counted):
        path.mkdir()
    (one / "memory.usage_in_bytes").write_text("1000\n")
    (one / "memory.stat").write_text("inactive_file 7\ntotal_inactive_file 100\n")
    (counted / "cpuacct.usage").write_text("1500000000\n")
    group = Cgroup(1, one, (tmp_path / "pids", counted))
    assert (group.cpu_seconds(), group.memory_used()) == (1.5, 900)
    assert Cgroup(1, one).cpu_seconds() is None
