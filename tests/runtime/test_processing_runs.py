"""What a run of a processing job finds, and what is told of its end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.machine import Machine

from clary.core.ids import uid as new_uid
from clary.runtime.builder import ensure
from clary.runtime.images import resolve
from clary.runtime.index import Index
from clary.runtime.probe import probe
from clary.runtime.spec import Output, RunSpec, Seen

IMAGE = """
name = "shaped"
[programs]
process = ["sh", "/opt/image/shape.sh"]
"""
OUT = Output(directory="processing/out", name="output-1", always=False, packed=False)


def run(machine: Machine, *command: str, image: str = "tiny", arguments: tuple[str, ...] = ()) -> Seen:
    spec = RunSpec(
        uid=new_uid(), image=image, program="process", command=command, arguments=arguments, outputs=(OUT,)
    )
    machine.runtime.start(spec)
    return machine.until(spec.uid)


def test_directories_of_outputs_are_there_and_regular_files_in_them_are_kept(machine: Machine) -> None:
    words = "cd /opt/ml/processing/out && mkdir -p a/b && echo one > a/b/c && ln -s /etc/hosts linked"
    seen = run(machine, "sh", "-c", words)
    assert seen.exit_code == 0, seen.failure
    folder = seen.outputs["output-1"]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [(str(path.relative_to(folder)), path.read_text()) for path in files] == [("a/b/c", "one\n")]
    assert "linked is not a file and was left out" in seen.note


@pytest.mark.parametrize("code", [0, 3])
def test_the_beginning_of_a_message_is_told_however_the_program_ended(machine: Machine, code: int) -> None:
    words = f"printf 'a%.0s' $(seq 1023) > /opt/ml/output/message; printf 'éx' >> $_; exit {code}"
    seen = run(machine, "bash", "-c", words.replace("$_", "/opt/ml/output/message"))
    assert seen.exit_code == code and seen.message == "a" * 1023


def test_a_message_that_is_no_text_is_the_callers_fault(machine: Machine) -> None:
    seen = run(machine, "sh", "-c", r"printf '\377\376' > /opt/ml/output/message")
    assert seen.failure.startswith("ClientError: The file /opt/ml/output/message is not UTF-8 text")
    assert not seen.message


def test_an_image_may_have_a_program_for_jobs_that_name_none(
    tmp_path: Path, cache: Path, machine: Machine
) -> None:
    folder = tmp_path / "images" / "shaped"
    folder.mkdir(parents=True)
    (folder / "image.toml").write_text(IMAGE)
    (folder / "shape.sh").write_text('echo shaped "$@" > /opt/ml/output/message')
    ensure(resolve("shaped", (folder.parent,)), cache, Index())
    made = Machine(tmp_path / "other", cache, folders=(folder.parent,))
    assert run(made, image="shaped", arguments=("x", "y z")).message == "shaped x y z\n"
    made.close()


def test_a_machine_that_cannot_show_paths_says_so() -> None:
    asked = RunSpec(uid="u", image="i", program="process")
    bare = replace(probe().capabilities, mounts=False, words=("there is no bubblewrap.",))
    assert bare.refuses(asked).startswith("ClientError: A processing job finds its data below /opt/ml")
    assert not bare.refuses(replace(asked, program="train"))
