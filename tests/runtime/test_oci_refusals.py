"""What is said where there is no container engine, or one that does not work; and what an image is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from clary.runtime import engine, oci
from clary.runtime.engine import Engine

TELLS = '#!/bin/sh\necho \'{"host": %s, "version": {"Version": "9.9"}}\'\n'
HOST = (
    '{"ociRuntime": {"name": "%s"}, "cgroupVersion": "%s", "cgroupManager": "%s",'
    ' "security": {"rootless": %s}}'
)


def script(folder: Path, name: str, text: str) -> dict[str, str]:
    """Put a program on a path of its own; return the environment that has it."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return {"PATH": str(folder)}


def podman(folder: Path, *members: str) -> dict[str, str]:
    """Put a podman there that tells of itself."""
    return script(folder, "podman", TELLS % (HOST % members))


def test_without_an_engine_the_way_to_one_is_named(tmp_path: Path) -> None:
    told = engine.find({"PATH": str(tmp_path)})
    assert isinstance(told, str)
    assert told.startswith("neither is on this machine. Install one: `apt install podman runc`")


def test_an_engine_that_does_not_work_is_named_with_its_own_words(tmp_path: Path) -> None:
    told = engine.find(script(tmp_path, "docker", "#!/bin/sh\necho no daemon here >&2\nexit 1\n"))
    assert isinstance(told, str)
    assert told.startswith(f"docker at {tmp_path}/docker does not work: no daemon here. Install one")
    answer = '{"ServerErrors": ["is it running?"]}'
    told = engine.find({**script(tmp_path, "docker", f"#!/bin/sh\necho '{answer}'\n"), "USER": "another"})
    assert isinstance(told, str)
    assert "does not reach its daemon: is it running?" in told


def test_podman_is_taken_before_docker_and_runc_where_crun_cannot_work(tmp_path: Path) -> None:
    script(tmp_path, "docker", "#!/bin/sh\nexit 1\n")
    environ = podman(tmp_path, "crun", "v1", "cgroupfs", "false")
    told = engine.find(environ)
    assert isinstance(told, str)
    assert "has crun alone, which needs control groups version 2: install runc" in told
    script(tmp_path, "runc", "#!/bin/sh\n")
    found = engine.find({**environ, "USER": "another"})
    assert isinstance(found, Engine)
    assert found.options == ("--runtime", str(tmp_path / "runc"))
    assert (found.kind, found.version, found.runtime, found.own_groups) == ("podman", "9.9", "runc", True)


@pytest.mark.parametrize(("manager", "rootless"), [("systemd", "false"), ("cgroupfs", "true")])
def test_groups_of_our_own_need_root_and_no_systemd(tmp_path: Path, manager: str, rootless: str) -> None:
    found = engine.find(podman(tmp_path, "crun", "v2", manager, rootless))
    assert isinstance(found, Engine)
    assert found.own_groups is False
    assert found.options == ()


def test_an_engine_survives_being_written_down(tmp_path: Path) -> None:
    found = engine.find(podman(tmp_path, "crun", "v2", "systemd", "false"))
    assert isinstance(found, Engine)
    assert engine.read_engine(found.document()) == found
    assert engine.read_engine(None) is None


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("own:1", ["own:1"]),
        (
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/own:1",
            ["123456789012.dkr.ecr.us-east-1.amazonaws.com/team/own:1", "localhost/team/own:1", "team/own:1"],
        ),
        ("--privileged", []),
        ("a b", []),
        ("", []),
    ],
)
def test_a_uri_of_ecr_stands_for_the_image_of_its_repository_and_tag(uri: str, names: list[str]) -> None:
    assert oci.names(uri) == names
