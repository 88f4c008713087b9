"""Reads the model that a training is to start from: what an earlier job left, in the channel `model`."""

from __future__ import annotations

import tarfile
from pathlib import Path

from toolkit.environment import Training
from toolkit.failure import UserError

from image_classification import artefact
from image_classification.network import Design, Network

NAMED = {"layers": "num_layers", "shape": "image_shape", "classes": "num_classes", "many": "multi_label"}


def read(job: Training, design: Design, scratch: Path) -> Network:
    """Return the network of the channel, which must be of the same design."""
    told = job.channels.get("model")
    if isinstance(told, dict) and told.get("TrainingInputMode") == "Pipe":
        raise UserError("The model channel's input mode is Pipe; a model.tar.gz is a file, set it to File.")
    folder = _opened(job.where.data / "model", scratch)
    try:
        network = artefact.load(folder)
    except FileNotFoundError as wrong:
        there = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise UserError(
            f"The model channel has no {Path(str(wrong.filename)).name} (it has {there}). It must be the "
            "model.tar.gz that a training of image-classification left here; MXNet's files of AWS cannot "
            "be read."
        ) from wrong
    for field, name in NAMED.items():
        found, wanted = getattr(network.design, field), getattr(design, field)
        if found != wanted:
            raise UserError(
                f"The model of the model channel was trained with {name}={_written(found)}, this job has "
                f"{_written(wanted)}; they must be the same."
            )
    return network


def _opened(folder: Path, scratch: Path) -> Path:
    packed = sorted(folder.rglob("*.tar.gz"))
    if not packed:
        found = sorted(folder.rglob(artefact.CONFIG))
        return found[0].parent if found else folder
    target = scratch / "model"
    target.mkdir()
    try:
        with tarfile.open(packed[0]) as archive:
            archive.extractall(target, filter="data")
    except (tarfile.TarError, OSError, EOFError) as wrong:
        raise UserError(f"{packed[0].name} of the model channel cannot be opened: {wrong}") from wrong
    return target


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
