"""`python -m image_classification.train`: trains a ResNet on the channels `train` and `validation`.

How it compares with AWS's: evidence/image-classification.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.algorithm.quality import Log
from toolkit.environment import Training, cpus
from toolkit.failure import UserError
from toolkit.train import leave, main

from image_classification import hyperparameters, samples
from image_classification.hyperparameters import Chosen
from image_classification.pictures import Gallery

if TYPE_CHECKING:
    from image_classification.network import Network

TOLD = (
    "num_layers",
    "epochs",
    "optimizer",
    "learning_rate",
    "num_training_samples",
    "mini_batch_size",
    "num_classes",
    "augmentation_type",
    "top_k",
)


def train(job: Training) -> None:
    """Train, leave the model of the best epoch in /opt/ml/model."""
    chosen = hyperparameters.read(job.hyperparameters)
    if len(job.hosts) > 1:
        raise UserError(
            f"This job has {len(job.hosts)} hosts; Clary's image classification trains on one. Set "
            "InstanceCount to 1."
        )
    if chosen.settings.text("use_pretrained_model") == "1" and not _seeded(job):
        raise UserError(
            "use_pretrained_model is 1, and this image has no weights of ImageNet: they would have to be "
            "fetched. Set it to 0 to train from scratch, or give the channel model the model.tar.gz of an "
            "earlier job."
        )
    log = Log(job.host)
    if unused := hyperparameters.idle(chosen.settings, job.hyperparameters):
        log.say(f"Without effect in this job: {', '.join(unused)}.")
    with tempfile.TemporaryDirectory() as scratch:
        _train(job, chosen, log, Path(scratch))


def _train(job: Training, chosen: Chosen, log: Log, scratch: Path) -> None:
    labels = samples.Labels(chosen.classes, chosen.many)
    pictures, held_out = (
        Gallery(found, chosen.shape, chosen.settings.integer("resize"), cpus())
        for found in [samples.channel(job, name, labels, scratch) for name in ("train", "validation")]
    )
    _statistics(log, chosen, pictures, held_out)
    import torch

    torch.set_num_threads(cpus())
    from image_classification import artefact, fitting

    network = _network(job, chosen, log, scratch)
    size = chosen.settings.integer("mini_batch_size")
    _variance(network, min(size, len(pictures)))
    checkpoints = job.where.checkpoints if job.where.checkpoints.is_dir() else None
    course = fitting.Course(chosen, network, pictures, held_out, log, job.where.model, checkpoints)
    reached = fitting.fit(course)
    log.say(f"Best validation accuracy: {reached.best:.6f} (epoch {reached.best_epoch})")
    artefact.save(job.where.model, network)


def _network(job: Training, chosen: Chosen, log: Log, scratch: Path) -> Network:
    import torch

    from image_classification import seed
    from image_classification.network import Design, Network

    layers = int(chosen.settings.text("num_layers"))
    design = Design(layers, chosen.shape, chosen.classes, chosen.many)
    if _seeded(job):
        log.say("Using the model of the model channel for initializing weights.")
        return seed.read(job, design, scratch)
    torch.manual_seed(0)
    return Network(design)


def _seeded(job: Training) -> bool:
    return "model" in job.channels or (job.where.data / "model").is_dir()


def _variance(network: Network, size: int) -> None:
    side = max(network.design.shape[1:]) / 2**network.design.shrinks
    if size == 1 and side <= 1:
        raise UserError(
            "A batch has one picture, and the network one value of it to normalize: set mini_batch_size to "
            "at least 2, with as many pictures, or image_shape larger."
        )


def _statistics(log: Log, chosen: Chosen, pictures: Gallery, held_out: Gallery) -> None:
    log.say("---- Parameters ----")
    for name in TOLD:
        log.say(f"{name}: {chosen.settings.values.get(name)}")
    log.say(f"image_shape: {','.join(map(str, chosen.shape))}")
    log.say(f"Number of training samples: {len(pictures)}, of validation samples: {len(held_out)}")
    told = chosen.settings.integer("num_training_samples")
    if told != len(pictures):
        log.say(
            f"num_training_samples is {told}, the train channel has {len(pictures)}; epochs are counted by "
            "what is there."
        )


if __name__ == "__main__":
    leave(main(train))
