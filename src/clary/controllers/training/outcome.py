"""Puts what the hosts of a training job made where the caller asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clary.controllers.outputs import files_of
from clary.controllers.s3 import RoleObjects
from clary.controllers.training.training_job import model_name, output_uri
from clary.core.document import Document
from clary.runtime.merge import merge
from clary.runtime.spec import Seen


def collect(doc: Document, runs: Sequence[Seen], objects: RoleObjects, *, failed: bool) -> None:
    """Keep each output; of files that several hosts wrote by one name, the first host's."""
    names = dict.fromkeys(name for run in runs for name in run.outputs)
    for name in names:
        if not (failed and name == model_name(doc)):
            paths = [run.outputs[name] for run in runs if name in run.outputs]
            for below, file in _files(paths, name).items():
                objects.keep(output_uri(doc, name + below), file)


def _files(paths: Sequence[Path], name: str) -> dict[str, Path]:
    """Return the archive of all hosts, or all their files, by what the key adds to the output's."""
    if not paths[0].is_dir():
        return {"": merge(paths, paths[0].with_name(f"all-{name}"))}
    return {f"/{name}": file for name, file in files_of(paths).items()}
