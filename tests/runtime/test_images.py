"""URIs, keys, and environments that are built once."""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path

import pytest
from tests.runtime.machine import Machine

from clary.runtime.builder import Build, BuildFailed, ensure
from clary.runtime.images import UnknownImage, catalogue, read, resolve, tag_of
from clary.runtime.index import Index, from_pip
from clary.runtime.local_provisioner import LocalProvisioner

ACCOUNT = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one image."""
    write(tmp_path / "images" / "own", 'name = "own"\nrepositories = ["own", "team/own"]\n')
    return tmp_path / "images"


def write(folder: Path, text: str) -> None:
    """Write an image.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "image.toml").write_text(text)


@pytest.mark.parametrize(
    "uri",
    [
        "own",
        "own:1.0",
        "team/own:latest",
        f"{ACCOUNT}/own:1.7-1",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/own:2",
        "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/team/own@sha256:0123",
    ],
)
def test_any_account_region_and_tag_of_a_repository_is_its_image(folder: Path, uri: str) -> None:
    assert resolve(uri, (folder,)).name == "own"


@pytest.mark.parametrize("uri", ["", "unknown:1", f"{ACCOUNT}/own-not:1", "docker.io/own"])
def test_an_unknown_image_is_answered_with_what_there_is(folder: Path, uri: str) -> None:
    with pytest.raises(UnknownImage, match="team/own"):
        resolve(uri, (folder,))


def test_a_users_image_wins_over_ours(folder: Path) -> None:
    ours = next(iter(catalogue()))
    write(folder / "mine", f'name = "mine"\nrepositories = ["{ours.repositories[0]}"]\n')
    assert resolve(ours.repositories[0], (folder,)).name == "mine"


def test_the_key_depends_on_the_lock_and_on_where_packages_come_from(folder: Path) -> None:
    plain = resolve("own", (folder,)).key(Index())
    assert resolve("own", (folder,)).key(Index()) == plain
    assert resolve("own", (folder,)).key(Index(find_links=("/wheels",))) != plain
    write(folder / "own", 'name = "own"\nrequirements = "lock.txt"\n')
    (folder / "own" / "lock.txt").write_text("six==1.17.0")
    assert resolve("own", (folder,)).key(Index()) != plain


def test_a_broken_image_file_names_itself(folder: Path) -> None:
    write(folder / "own", "name = ")
    with pytest.raises(ValueError, match=r"own/image.toml is not an image file"):
        read(folder / "own" / "image.toml")


def test_a_broken_image_keeps_nobody_from_the_others(folder: Path) -> None:
    write(folder / "broken", "name = ")
    assert resolve("own", (folder,)).name == "own"
    with pytest.raises(UnknownImage, match=r"broken/image.toml is not an image file"):
        resolve("broken", (folder,))


def test_a_failed_build_has_uvs_words_and_the_cure(folder: Path, tmp_path: Path) -> None:
    write(folder / "own", 'name = "own"\nrequirements = "lock.txt"\n')
    (folder / "own" / "lock.txt").write_text("no-such-thing==1.0 --hash=sha256:" + "0" * 64)
    index = Index(no_index=True, find_links=(str(tmp_path),))
    with pytest.raises(BuildFailed, match="no-such-thing") as told:
        ensure(resolve("own", (folder,)), tmp_path / "cache", index)
    assert "find-links" in str(told.value)
    assert not list((tmp_path / "cache" / "images").glob("*.tmp"))


def test_requirements_without_hashes_are_sent_to_where_they_are_locked(folder: Path, tmp_path: Path) -> None:
    write(folder / "own", 'name = "own"\nrequirements = "lock.txt"\n')
    (folder / "own" / "lock.txt").write_text("six==1.17.0")
    with pytest.raises(BuildFailed, match=r"are not locked: `clary image build FOLDER` locks them"):
        ensure(resolve("own", (folder,)), tmp_path / "cache", Index(no_index=True))


def test_a_run_whose_image_cannot_be_built_fails_and_a_later_one_tries_again(
    tmp_path: Path, cache: Path
) -> None:
    folder = tmp_path / "images" / "own"
    write(folder, 'name = "own"\nrequirements = "lock.txt"\n')
    (folder / "lock.txt").write_text(f"no-such-thing @ file://{tmp_path}/no.whl --hash=sha256:" + "0" * 64)
    machine = Machine(tmp_path / "home", cache, folders=(tmp_path / "images",))
    first = machine.until(machine.start("true", image="own"))
    assert "could not be built" in first.failure and not first.lost
    (folder / "lock.txt").write_text("")
    assert machine.until(machine.start("true", image="own")).exit_code == 0
    machine.close()


def test_an_image_is_built_while_the_run_waits(tmp_path: Path) -> None:
    write(tmp_path / "images" / "own", 'name = "own"\n')
    machine = Machine(
        tmp_path / "home",
        tmp_path / "cache",
        provisioner=LocalProvisioner(),
        folders=(tmp_path / "images",),
    )
    build = Build(tmp_path / "cache", resolve("own", (tmp_path / "images",)).key(Index()))
    build.lock.parent.mkdir(parents=True)
    with build.lock.open("w") as lock:  # nobody builds it before it was seen to wait
        fcntl.flock(lock, fcntl.LOCK_EX)
        uid = machine.start("python", "-c", "import sys; print(sys.prefix)", image="own")
        seen = machine.runtime.inspect(uid)
    assert seen.phase == "building"
    assert "Building the image own" in seen.note
    assert machine.until(uid).exit_code == 0
    assert machine.printed(uid).strip() == str(build.prefix)
    machine.close()


def test_a_run_of_an_unknown_image_fails_with_what_there_is(machine: Machine) -> None:
    seen = machine.until(machine.start("true", image="nothing:1"))
    assert seen.failure.startswith("ClientError: There is no image for 'nothing:1'")


def test_pips_configuration_is_handed_on(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "torch-2.0-py3.whl").touch()
    config = tmp_path / "pip.conf"
    config.write_text(
        f"[global]\nindex-url = https://user:pass@index.example/simple\nfind-links = {wheels}\n"
        "[install]\nextra-index-url =\n    https://a.example/simple\n    https://b.example/simple\n"
    )
    index = from_pip({"PIP_CONFIG_FILE": str(config), "PIP_CERT": "/ca.pem", "XDG_CONFIG_DIRS": "/none"})
    assert index.url == "https://user:pass@index.example/simple"
    assert index.extra == ("https://a.example/simple", "https://b.example/simple")
    assert index.directories() == (wheels,)
    assert index.has_wheel("torch")
    assert not index.has_wheel("numpy")
    assert "pass" not in index.fingerprint()
    assert "PIP_INDEX_URL" not in index.environment()
    assert index.environment()["PIP_FIND_LINKS"] == str(wheels)


def test_a_variable_wins_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nfind-links = /from-file\n")
    environ = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_FIND_LINKS": "/from-variable"}
    assert from_pip(environ).find_links == ("/from-variable",)


def test_the_interpreter_of_an_image_is_the_one_clary_runs_on(machine: Machine) -> None:
    uid = machine.python("import sys; print(sys.version)")
    machine.until(uid)
    assert machine.printed(uid).strip() == sys.version


def test_a_tag_reaches_the_environment_with_what_its_generation_needs(folder: Path, tmp_path: Path) -> None:
    write(folder / "two", 'name = "two"\n[environment]\nA = 1\n[tags.\'1\\.\']\nA = 2\nOLD = "yes"\n')
    source = resolve("two", (folder,))
    for tag, wanted in (("1.15-cpu-py37", ("2", "yes")), ("2.1", ("1", None)), ("", ("1", None))):
        made = source.image(tmp_path, Index(), tag).environment
        assert (made["A"], made.get("OLD"), made.get("TOOLKIT_IMAGE_TAG", "")) == (*wanted, tag)
    registry = f"{ACCOUNT}/own:1.7-1@sha256:0123"
    assert [tag_of(uri) for uri in ("own", "team/own:x", registry)] == ["", "x", "1.7-1"]


def test_an_image_file_is_read_again_once_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "image.toml"
    file.write_text('name = "one"')
    assert read(file) is read(file)
    file.write_text('name = "another"')
    assert read(file).name == "another"
    new = tmp_path / "new.toml"
    new.write_text('name = "changed"')
    new.replace(file)
    assert read(file).name == "changed"
    file.write_text("name = ")
    with pytest.raises(ValueError, match="not an image file"):
        read(file)
