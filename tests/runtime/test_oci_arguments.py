"""What an engine is asked for, without one: the words of `create`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clary.runtime.cgroups import ROOT, Cgroup
from clary.runtime.engine import Engine
from clary.runtime.jobdir import JobDirectory
from clary.runtime.launch import Image, Launch, Share
from clary.runtime.oci_arguments import container_name, create
from clary.runtime.spec import RunSpec

PODMAN = Engine(kind="podman", path=Path("/podman"), version="4", runtime="runc", own_groups=True)
DOCKER = replace(PODMAN, kind="docker", own_groups=False)
GROUP = Cgroup(1, ROOT / "memory" / "above" / "clary-x")
SPEC = RunSpec(uid="a-run", image="own:1", program="train")


def asked(folder: Path, spec: RunSpec = SPEC, engine: Engine = PODMAN, group: Cgroup | None = GROUP) -> str:
    """Return the words of `create` as one text."""
    launch = Launch(
        image=Image(name="own:1", key="sha256:0123", prefix=Path("/"), base=Path("/")),
        share=Share(memory=1 << 30, cpus=(0, 2)),
        sandbox="oci",
        engine=engine,
        sockets=folder,
        wake=folder / "wake",
    )
    return " ".join(create(JobDirectory(folder), spec, launch, (), group))


def test_a_program_is_an_argument_unless_the_caller_says_otherwise(tmp_path: Path) -> None:
    assert asked(tmp_path).endswith(" sha256:0123 train")
    assert asked(tmp_path, replace(SPEC, program="serve")).endswith(" sha256:0123 serve")
    assert asked(tmp_path, replace(SPEC, arguments=("a", "b"))).endswith(" sha256:0123 a b")
    job = replace(SPEC, program="process")  # evidence/processing-container.md
    assert asked(tmp_path, job).endswith(" sha256:0123")
    assert asked(tmp_path, replace(job, arguments=("a",))).endswith(" sha256:0123 a")
    told = asked(tmp_path, replace(SPEC, command=("/x", "y"), arguments=("a",)))
    assert told.endswith(" --entrypoint /x sha256:0123 y a")


@pytest.mark.parametrize(
    ("network", "serves", "words"),
    [
        (True, False, "--network host --hostname algo-1 --add-host algo-1:127.0.0.1"),
        (False, False, "--network none --hostname algo-1"),
        (False, True, "--network none --hostname algo-1"),
    ],
)
def test_the_network_is_the_machines_or_none(tmp_path: Path, network: bool, serves: bool, words: str) -> None:
    assert words in asked(tmp_path, replace(SPEC, network=network, serves=serves))


def test_a_server_has_a_network_of_its_own(tmp_path: Path) -> None:
    assert "--network" not in asked(tmp_path, replace(SPEC, serves=True))


def test_memory_is_limited_by_a_group_of_ours_or_by_the_engine(tmp_path: Path) -> None:
    own = asked(tmp_path)
    assert "--cgroup-parent /above/clary-x --cpuset-cpus 0,2" in own
    assert "--memory " not in own
    for told in (asked(tmp_path, engine=DOCKER), asked(tmp_path, group=None)):
        assert f"--memory {1 << 30}b --memory-swap {1 << 30}b --cpuset-cpus 0,2" in told
        assert "--cgroup-parent" not in told


def test_docker_is_asked_for_nothing_that_only_podman_knows(tmp_path: Path) -> None:
    assert "--pidfile" in asked(tmp_path)
    assert "--pidfile" not in asked(tmp_path, engine=DOCKER)


def test_the_environment_travels_through_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    spec = replace(SPEC, environment={"TOKEN": "se same", "TWO": "a\nb"})
    told = asked(tmp_path, spec)
    file = tmp_path / "oci.env"
    assert f"--env-file {file}" in told
    assert "se same" not in told
    assert file.read_text() == "TOKEN=se same\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "--env TWO=a\nb" in told


def test_a_container_is_named_after_its_run(tmp_path: Path) -> None:
    assert f"--name {container_name(tmp_path.name)}" in asked(tmp_path)
    assert "--pull never" in asked(tmp_path)
