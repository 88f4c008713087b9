"""The entry point of notebook jobs leads to a program that runs notebooks."""

from __future__ import annotations

from pathlib import Path

from clary.runtime.launch import Image, Launch, Share
from clary.runtime.sandbox import program_of
from clary.runtime.spec import RunSpec

SPEC = RunSpec(uid="a-run", image="own", program="train", command=("amazon_sagemaker_scheduler",))


def test_an_image_without_the_program_of_notebook_jobs_has_the_toolkits(tmp_path: Path) -> None:
    image = Image(name="own", key="k", prefix=tmp_path, base=tmp_path, programs={"train": ("t",)})
    share = Share(memory=1 << 30)
    launch = Launch(image=image, share=share, sandbox="process", sockets=tmp_path, wake=tmp_path / "wake")
    assert program_of(SPEC, launch) == ("python", "-m", "toolkit.notebook")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "amazon_sagemaker_scheduler").touch()
    assert program_of(SPEC, launch) == SPEC.command
