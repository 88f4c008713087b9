"""Trains the network: passes over the pictures, the best kept, the state of each saved where a job asks."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from toolkit.algorithm.quality import Log
from toolkit.failure import UserError
from torch.nn import functional

from image_classification import artefact, augmentation
from image_classification.hyperparameters import Chosen
from image_classification.network import Design, Network
from image_classification.pictures import Gallery

Tensor = Any
Whole = NDArray[np.int64]
SEED = 0
TOLD = 20
"""Every how many batches the log has a line."""
CHECKPOINT = "image-classification.pt"


class Progress:
    """What a training has reached: the state that an interrupted job goes on from."""

    def __init__(self) -> None:
        self.epoch, self.best, self.best_epoch, self.stale = 0, -math.inf, 0, 0
        self.weights: dict[str, Tensor] = {}


class Course(NamedTuple):
    """One training: what is learnt from, how, and where its states are kept."""

    chosen: Chosen
    network: Network
    pictures: Gallery
    held_out: Gallery
    log: Log
    model: Path
    checkpoints: Path | None


def fit(course: Course) -> Progress:
    """Train and leave the network as it was after its best epoch; go on from a checkpoint that is there."""
    settings, network, log = course.chosen.settings, course.network, course.log
    network.to(memory_format=torch.channels_last)
    optimizer = _optimizer(course)
    progress = _resumed(course, optimizer)
    epochs, period = settings.integer("epochs"), settings.integer("checkpoint_frequency")
    while progress.epoch < epochs and not _stuck(course.chosen, progress):
        epoch, begun = progress.epoch, time.monotonic()
        rate = settings.number("learning_rate")
        rate *= settings.number("lr_scheduler_factor") ** sum(step <= epoch for step in course.chosen.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        _pass(course, optimizer, epoch)
        seconds = max(time.monotonic() - begun, 1e-9)
        log.say(f"Epoch[{epoch}] Time cost={seconds:.3f}")
        rate = len(course.pictures) / seconds
        log.say(f"#throughput_metric: host={log.host}, train throughput={rate:.6g} records/second")
        accuracy = score(course)
        log.say(f"Epoch[{epoch}] Validation-accuracy={accuracy:.6f}")
        log.progress(epoch + 1, epochs)
        _weigh(course, progress, accuracy)
        if period and (epoch + 1) % period == 0:
            path = course.model / f"image-classification-{epoch + 1:04d}.safetensors"
            artefact.weights(path, network.state_dict())
            log.say(f'Saved checkpoint to "{path}"')
        progress.epoch += 1
        if course.checkpoints is not None:
            _save(course.checkpoints, network, optimizer, progress)
    if progress.epoch < epochs:
        log.say(f"Early stopping: no better accuracy in {progress.stale} epochs.")
    network.load_state_dict(progress.weights)
    return progress


def score(course: Course) -> float:
    """Return the accuracy on the pictures held out."""
    chosen, right, size = course.chosen, 0.0, course.chosen.settings.integer("mini_batch_size")
    course.network.eval()
    order = np.arange(len(course.held_out))
    batches = [order[begin : begin + size] for begin in range(0, len(order), size)]
    with torch.no_grad():
        for which, batch in _ahead(course.held_out, batches, course.chosen, None):
            right += _right(course.network(batch), _targets(course.held_out, which, chosen), chosen)
    return right / len(course.held_out)


def balance(chosen: Chosen, pictures: Gallery) -> Tensor:
    """Return how much rarer than its absence each class is, where the loss is to be weighted by that."""
    if chosen.settings.text("use_weighted_loss") != "1":
        return None
    counts = np.zeros(chosen.classes)
    for one in pictures.found:
        counts[list(one.labels)] += 1
    return torch.from_numpy((len(pictures) - counts) / np.maximum(counts, 1)).float().clamp_min(1e-3)


def _pass(course: Course, optimizer: Any, epoch: int) -> None:
    chosen, network, log = course.chosen, course.network, course.log
    network.train()
    torch.manual_seed(SEED + epoch)
    order = np.random.default_rng((SEED, epoch)).permutation(len(course.pictures))
    batches = _batches(order, chosen.settings.integer("mini_batch_size"))
    weights, top = balance(chosen, course.pictures), chosen.settings.integer("top_k")
    right = among = seen = 0.0
    lost, begun = 0.0, time.monotonic()
    for number, (which, batch) in enumerate(_ahead(course.pictures, batches, chosen, epoch), 1):
        targets = _targets(course.pictures, which, chosen)
        scores = network(batch)
        if chosen.many:
            loss = functional.binary_cross_entropy_with_logits(scores, targets, pos_weight=weights)
        else:
            loss = functional.cross_entropy(scores, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scores = scores.detach()
        lost, seen = lost + float(loss.detach()), seen + len(which)
        right += _right(scores, targets, chosen)
        if top:
            among += _among(scores, targets, top, chosen)
        if number % TOLD == 0:
            speed = seen / max(time.monotonic() - begun, 1e-9)
            told = f"Speed: {speed:.2f} samples/sec\taccuracy={right / seen:.6f}"
            log.say(f"Epoch[{epoch}] Batch [{number}]\t{told}")
    if not math.isfinite(lost):
        raise UserError(
            f"The loss is {lost} in epoch {epoch}: the training does not converge. Set learning_rate lower "
            f"than {chosen.settings.number('learning_rate'):g}."
        )
    log.say(f"Epoch[{epoch}] Train-accuracy={right / seen:.6f}")
    if top:
        log.say(f"Epoch[{epoch}] Train-top_k_accuracy_{top}={among / seen:.6f}")


def _batches(order: Whole, size: int) -> list[Whole]:
    """Cut an order into batches; a last one of one picture, which has no variance, joins the one before."""
    found = [order[begin : begin + size] for begin in range(0, len(order), size)]
    if len(found) > 1 and size > 1 and len(found[-1]) == 1:
        found[-2:] = [np.concatenate(found[-2:])]
    return found


def _ahead(
    pictures: Gallery, batches: list[Whole], chosen: Chosen, epoch: int | None
) -> Iterator[tuple[Whole, Tensor]]:
    """Yield batches as the network is shown them, the next one being made meanwhile."""
    shape, kind = chosen.shape, chosen.settings.text("augmentation_type")

    def make(which: Whole) -> Tensor:
        found = pictures.take(which)
        if epoch is None or not kind:
            cut = [augmentation.central(one, shape) for one in found]
        else:
            seeds = [np.random.default_rng((SEED, epoch, int(place))) for place in which]
            cut = [
                augmentation.varied(one, shape, kind, seed) for one, seed in zip(found, seeds, strict=True)
            ]
        return artefact.prepared(cut, shape)

    with ThreadPoolExecutor(1) as aside:
        coming = aside.submit(make, batches[0])
        for number, which in enumerate(batches):
            batch = coming.result()
            if number + 1 < len(batches):
                coming = aside.submit(make, batches[number + 1])
            yield which, batch


def _targets(pictures: Gallery, which: Whole, chosen: Chosen) -> Tensor:
    labels = [pictures.found[int(place)].labels for place in which]
    if not chosen.many:
        return torch.tensor([one for one, *_ in labels])
    table = torch.zeros(len(labels), chosen.classes)
    for row, ones in enumerate(labels):
        table[row, list(ones)] = 1
    return table


def _right(scores: Tensor, targets: Tensor, chosen: Chosen) -> float:
    """Count the pictures that are right; of several classes each counts in part."""
    if chosen.many:
        return float(((scores > 0) == (targets > 0)).float().mean(1).sum())
    return float((scores.argmax(1) == targets).sum())


def _among(scores: Tensor, targets: Tensor, top: int, chosen: Chosen) -> float:
    best = scores.topk(top, 1).indices
    if chosen.many:
        return float(targets.gather(1, best).amax(1).sum())
    return float((best == targets.unsqueeze(1)).any(1).sum())


def _weigh(course: Course, progress: Progress, accuracy: float) -> None:
    """Keep the best weights, and count the epochs that were no better."""
    tolerance = course.chosen.settings.number("early_stopping_tolerance")
    gained = accuracy - progress.best
    enough = gained > 0 and (progress.best <= 0 or gained / progress.best >= tolerance)
    progress.stale = 0 if enough else progress.stale + 1
    if gained > 0:
        course.log.say(f"Storing the best model with validation accuracy: {accuracy:.6f}")
        progress.best, progress.best_epoch = accuracy, progress.epoch
        progress.weights = {name: one.clone() for name, one in course.network.state_dict().items()}


def _stuck(chosen: Chosen, progress: Progress) -> bool:
    settings = chosen.settings
    return (
        settings.flag("early_stopping")
        and progress.epoch >= settings.integer("early_stopping_min_epochs")
        and progress.stale >= settings.integer("early_stopping_patience")
    )


def _optimizer(course: Course) -> Any:
    settings, parameters = course.chosen.settings, list(course.network.parameters())
    name, rate = settings.text("optimizer"), settings.number("learning_rate")
    if name == "adam":
        betas = (settings.number("beta_1"), settings.number("beta_2"))
        return torch.optim.Adam(parameters, rate, betas, settings.number("eps"))
    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, rate, settings.number("gamma"), settings.number("eps"))
    return torch.optim.SGD(
        parameters,
        rate,
        settings.number("momentum"),
        weight_decay=settings.number("weight_decay"),
        nesterov=name == "nag",
    )


def _save(folder: Path, network: Network, optimizer: Any, progress: Progress) -> None:
    whole = {
        "design": _told(network.design),
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "progress": vars(progress),
    }
    partial = folder / f".{CHECKPOINT}"
    torch.save(whole, partial)
    partial.replace(folder / CHECKPOINT)


def _resumed(course: Course, optimizer: Any) -> Progress:
    progress = Progress()
    path = course.checkpoints / CHECKPOINT if course.checkpoints is not None else None
    if path is None or not path.is_file():
        return progress
    whole = torch.load(path, weights_only=True)
    design = _told(course.network.design)
    if whole["design"] != design:
        course.log.say(f"{path.name} is of another network ({whole['design']}) and is left alone.")
        return progress
    course.network.load_state_dict(whole["network"])
    optimizer.load_state_dict(whole["optimizer"])
    vars(progress).update(whole["progress"])
    course.log.say(f"Resuming from {path.name} after epoch {progress.epoch - 1}")
    return progress


def _told(design: Design) -> str:
    return str(tuple(design))
