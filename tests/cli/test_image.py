"""`clary image`: images of one's own, from a folder to a job that runs on it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.test_commands import clary

from clary.core.clock import SystemClock
from clary.core.ids import uid as new_uid
from clary.core.settings import Home, Settings
from clary.runtime.index import Index
from clary.runtime.local import LocalRuntime
from clary.runtime.spec import RunSpec, Seen

GOOD = """\
name = "mine"
repositories = ["mine", "team/mine"]

[programs]
train = ["python", "/opt/image/train.py"]

[environment]
FLAVOUR = "plain"
"""
PROGRAM = """\
import os, pathlib, sys, toolkit
pathlib.Path("/opt/ml/model/told").write_text("x")
print("version 1", os.environ["FLAVOUR"])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image that needs no packages."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "image.toml").write_text(GOOD)
    (folder / "train.py").write_text(PROGRAM)
    return folder


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of its own."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("verb", ["", "build", "list", "show", "rm"])
def test_every_verb_has_help(verb: str, tmp_path: Path) -> None:
    told = clary("image", *verb.split(), "--help", home=tmp_path)
    assert told.returncode == 0
    assert told.stdout.startswith("Usage: ")


def test_an_image_is_built_listed_run_rebuilt_removed_and_brought_back(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    built = image("build", str(folder), home=home, cache=cache)
    assert built.returncode == 0, built.stderr
    uri = "000000000000.dkr.ecr.us-east-1.amazonaws.com/mine:latest"
    assert uri in built.stdout
    assert "building mine" in built.stderr
    [row, *others] = json.loads(image("list", "--json", home=home, cache=cache).stdout)
    assert (row["name"], row["source"], row["state"]) == ("mine", "own", "built")
    assert row["bytes"] > 1000
    assert row["repositories"] == ["mine", "team/mine"]
    assert {each["source"] for each in others} == {"built-in"}
    assert "mine" in image("list", home=home, cache=cache).stdout
    assert str(folder) in image("show", "team/mine", home=home, cache=cache).stdout
    assert run(home, cache, uri).exit_code == 0
    (folder / "train.py").write_text(PROGRAM.replace("version 1", "version 2"))
    assert image("build", str(folder), home=home, cache=cache).returncode == 0
    runtime, uid = started(home, cache, "team/mine:7")
    assert until(runtime, uid, "exited").exit_code == 0
    assert runtime.output(uid, 0) == b"version 2 plain\n"
    removed = image("rm", "mine", home=home, cache=cache)
    assert removed.returncode == 0, removed.stderr
    undo = re.findall(r"clary image build (\S+)", removed.stdout)
    assert run(home, cache, "mine").failure.startswith("ClientError: There is no image for 'mine'")
    assert image("build", undo[0], home=home, cache=cache).returncode == 0
    assert run(home, cache, "mine").exit_code == 0


def test_a_home_inside_the_folder_is_no_part_of_the_image(folder: Path, cache: Path) -> None:
    home = folder / "home"
    (home / "keys").mkdir(parents=True)
    built = image("build", str(folder), home=home, cache=cache)
    assert built.returncode == 0, built.stderr[-500:]
    names = {path.name for path in (home / "images" / "mine").iterdir()}
    assert ("train.py" in names, "home" in names) == (True, False)


def test_many_images_are_listed(cache: Path, tmp_path: Path) -> None:
    for number in range(300):  # more than a pipe holds
        made = tmp_path / "images" / f"i{number}"
        made.mkdir(parents=True)
        (made / "image.toml").write_text(GOOD.replace("mine", f"i{number}"))
    rows = json.loads(image("list", "--json", home=tmp_path, cache=cache).stdout)
    assert len([row for row in rows if row["source"] == "own"]) == 300


def test_an_image_in_use_is_not_removed_and_its_program_stays_whole(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    wait = (
        "import time\nprint('up', flush=True)\nwhile open('/opt/image/train.py').read(): time.sleep(0.01)\n"
    )
    (folder / "train.py").write_text(wait)
    assert image("build", str(folder), home=home, cache=cache).returncode == 0
    runtime, uid = started(home, cache, "mine")
    until(runtime, uid, "running")
    refused = image("rm", "mine", home=home, cache=cache)
    assert refused.returncode == 1
    assert f"The image mine is in use by 1 run ({uid}). Stop the jobs" in refused.stderr
    assert image("build", str(folder), home=home, cache=cache).returncode == 0
    assert image("rm", "mine", "--force", home=home, cache=cache).returncode == 0
    assert runtime.inspect(uid).phase == "running"
    assert len(versions(home)) == 1
    runtime.remove(uid)
    (folder / "train.py").write_text(PROGRAM)
    assert image("build", str(folder), home=home, cache=cache).returncode == 0
    assert len(versions(home)) == 1


def test_a_mistake_is_told_with_its_line(folder: Path, tmp_path: Path) -> None:
    (folder / "image.toml").write_text(GOOD.replace("train =", "tran ="))
    told = image("build", str(folder), home=tmp_path / "home", cache=tmp_path)
    assert told.returncode == 1
    assert f"{folder / 'image.toml'}:5: 'tran' is not a program of an image" in told.stderr
    assert not versions(tmp_path / "home")


def test_what_cannot_be_built_says_why_and_leaves_what_was_there(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    assert image("build", str(folder), home=home, cache=cache).returncode == 0
    before = versions(home)
    (folder / "image.toml").write_text(f'requirements = "requirements.in"\n{GOOD}')
    (folder / "requirements.in").write_text("no-such-package-of-clary==1.0\n")
    told = image("build", str(folder), home=home, cache=cache, PIP_NO_INDEX="1")
    assert told.returncode == 1
    assert "requirements.in could not be locked" in told.stderr
    assert "no-such-package-of-clary" in told.stderr
    assert versions(home) == before
    (folder / "image.toml").write_text(f'python = "3.99"\n{GOOD}')
    told = image("build", str(folder), home=home, cache=cache)
    assert "Python 3.99 is not on this machine. Install python3.99" in told.stderr
    (folder / "image.toml").write_text(GOOD.replace('name = "mine"', 'name = "other"'))
    told = image("build", str(folder), home=home, cache=cache)
    assert "The repository 'mine' is the image mine's already" in told.stderr
    told = image("rm", "sagemaker-xgboost", home=home, cache=cache)
    assert "There is no own image 'sagemaker-xgboost'" in told.stderr


def test_requirements_are_locked_from_a_folder_of_wheels(folder: Path, cache: Path, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheel(wheels, "tiny_greeting")
    (folder / "image.toml").write_text(f'requirements = "requirements.in" # what we ask for\n{GOOD}')
    (folder / "requirements.in").write_text("tiny-greeting\n")
    (folder / "train.py").write_text("import tiny_greeting\nprint(tiny_greeting.WORDS)\n")
    home = tmp_path / "home"
    pip = {"PIP_FIND_LINKS": str(wheels), "PIP_NO_INDEX": "1"}
    told = image("build", str(folder), home=home, cache=cache, **pip)
    assert told.returncode == 0, told.stderr
    lock = (home / "images" / "mine" / "requirements.txt").read_text()
    assert "tiny-greeting==1.0" in lock
    assert "--hash=sha256:" in lock
    index = Index(find_links=(str(wheels),), no_index=True)
    runtime, uid = started(home, cache, "mine", index)
    assert until(runtime, uid, "exited").exit_code == 0
    assert runtime.output(uid, 0) == b"hello from a wheel\n"


@pytest.mark.slow
def test_a_builder_that_is_killed_at_any_time_leaves_nothing_half_made(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    assert image("build", str(folder), home=home, cache=cache).returncode == 0
    for number in range(12):
        (folder / "train.py").write_text(f"print('round {number}')\n")
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "clary.runtime.image_command", "build", str(home), str(folder)],
            env={**os.environ, "CLARY_CACHE": str(cache)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        select.select([], [], [], 0.08 + 0.02 * number)  # a moment of the build, another one each time
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        text = (home / "images" / "mine" / "train.py").read_text()
        assert text == PROGRAM or text.startswith("print('round ")
        assert (home / "images" / "mine" / "image.toml").read_text() == GOOD
    assert image("build", str(folder), home=home, cache=cache).returncode == 0
    assert len(versions(home)) == 1
    assert run(home, cache, "mine").exit_code == 0


def image(*words: str, home: Path, cache: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `clary image …`."""
    return clary("image", *words, home=home, CLARY_CACHE=str(cache), **more)


def versions(home: Path) -> list[Path]:
    """Return the copies that a home keeps of images."""
    folder = home / "images" / ".versions"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def started(home: Path, cache: Path, uri: str, index: Index | None = None) -> tuple[LocalRuntime, str]:
    """Start a training program of an image."""
    settings = Settings(home=Home(home), cache=cache)
    runtime = LocalRuntime(settings, SystemClock(), index=index or Index(), warm=False)
    uid = new_uid()
    runtime.start(RunSpec(uid=uid, image=uri, program="train", instance_type="ml.t3.medium"))
    return runtime, uid


def until(runtime: LocalRuntime, uid: str, phase: str) -> Seen:
    """Look until a run is in a phase."""
    deadline = time.monotonic() + 100
    while (seen := runtime.inspect(uid)).phase != phase:
        assert time.monotonic() < deadline, seen
        select.select([], [], [], 0.01)
    return seen


def run(home: Path, cache: Path, uri: str) -> Seen:
    """Run a training program of an image to its end."""
    runtime, uid = started(home, cache, uri)
    return until(runtime, uid, "exited")


def wheel(folder: Path, name: str) -> None:
    """Write a wheel with one module."""
    import zipfile

    folder.mkdir()
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", "WORDS = 'hello from a wheel'\n")
        about = f"{name}-1.0.dist-info"
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


def test_doctor_names_an_image_that_is_broken(tmp_path: Path) -> None:
    (tmp_path / "images" / "broken").mkdir(parents=True)
    (tmp_path / "images" / "broken" / "image.toml").write_text("name = ")
    told = json.loads(clary("doctor", "--json", home=tmp_path).stdout)
    [found] = [one for one in told if "broken/image.toml is not an image file" in one["found"]]
    assert (found["level"], found["what"]) == ("warn", "image")
    assert "clary image build" in found["cure"]


def test_doctor_tells_how_to_get_an_engine(tmp_path: Path) -> None:
    told = clary("doctor", "--json", home=tmp_path, PATH=str(tmp_path))
    [engine] = [one for one in json.loads(told.stdout) if one["what"] == "engine"]
    assert engine["level"] == "ok"
    assert engine["found"].startswith("none")
    assert "apt install podman runc" in engine["cure"]


def test_doctor_names_an_engine_that_works(tmp_path: Path) -> None:
    told = {"ociRuntime": {"name": "crun"}, "cgroupVersion": "v2", "cgroupManager": "systemd"}
    answer = {"host": {**told, "security": {"rootless": True}}, "version": {"Version": "9.9"}}
    podman = tmp_path / "podman"
    podman.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    podman.chmod(0o755)
    told_of = clary("doctor", "--json", home=tmp_path, PATH=str(tmp_path))
    [engine] = [one for one in json.loads(told_of.stdout) if one["what"] == "engine"]
    assert engine["found"] == f"podman 9.9 at {podman}, with crun"
