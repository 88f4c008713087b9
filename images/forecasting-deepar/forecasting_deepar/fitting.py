"""Trains the network: passes over the series, the best one kept, the state of each saved where a job asks."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from toolkit.algorithm.quality import Log

from forecasting_deepar.network import Network
from forecasting_deepar.windows import Windows

Tensor = Any
FEW = 10
"""An epoch has at least this many batches: of few series, each is shown several times."""
CLIP, DECAY, PLATEAU = 10.0, 1e-8, 10
LARGE = 40 * 512
CHECKPOINT = "deepar-checkpoint.pt"
APART = 1_000_003
"""How far apart the random numbers of two seeds begin; of two epochs it is 1."""


class Plan(NamedTuple):
    """How to train."""

    epochs: int
    batch: int
    rate: float
    patience: int | None
    seed: int = 0


class Progress:
    """What a training has reached: the state that an interrupted job goes on from."""

    def __init__(self) -> None:
        self.epoch, self.best, self.best_epoch = 0, math.inf, 0
        self.weights: dict[str, Tensor] = {}


def fit(network: Network, windows: Windows, plan: Plan, log: Log, folder: Path | None) -> Progress:
    """Train and leave the network as it was after its best epoch; go on from the folder's checkpoint."""
    if network.design.cells * plan.batch < LARGE:
        torch.set_num_threads(1)  # so little work is done before a second thread has been woken
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=PLATEAU)
    progress = _resumed(folder, network, optimizer, schedule, log)
    while progress.epoch < plan.epochs and not _stuck(progress, plan):
        begun, epoch = time.monotonic(), progress.epoch
        loss, count = _pass(network, windows, plan, optimizer, log, epoch)
        schedule.step(loss)
        log.loss("train", "loss", loss, epoch=epoch)
        log.say(f"Epoch[{epoch}] avg_epoch_loss={loss:.6f}")
        seconds = max(time.monotonic() - begun, 1e-9)
        log.say(f"#throughput_metric: host={log.host}, train throughput={count / seconds} records/second")
        log.progress(epoch + 1, plan.epochs)
        if loss < progress.best or not progress.weights:
            log.say("best epoch loss so far")
            progress.best, progress.best_epoch = loss, epoch
            progress.weights = {name: one.clone() for name, one in network.state().items()}
        progress.epoch += 1
        if folder is not None:
            _save(folder, network, optimizer, schedule, progress)
    if progress.epoch < plan.epochs:
        log.say(f"stopping training now: no progress in {plan.patience} epochs")
    network.load(progress.weights)
    return progress


def _pass(
    network: Network, windows: Windows, plan: Plan, optimizer: Any, log: Log, epoch: int
) -> tuple[float, int]:
    chance = np.random.default_rng((plan.seed, epoch))
    torch.manual_seed(plan.seed * APART + epoch)  # so that an epoch is the same after a resumption
    network.training(True)
    number = len(windows.lengths)
    count = max(number, FEW * plan.batch)
    order = np.concatenate([chance.permutation(number) for _ in range(-(-count // number))])[:count]
    at = chance.integers(1, windows.lengths[order] - network.design.prediction + 1)
    total = 0.0
    for begin in range(0, count, plan.batch):
        part = slice(begin, begin + plan.batch)
        loss = _loss(network, windows, order[part], at[part])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        total += float(loss.detach()) * len(order[part])
    return total / count, count


def _loss(network: Network, windows: Windows, which: Any, at: Any) -> Tensor:
    window = windows.cut(which, at, network.design.prediction)
    raw, _ = network.unroll(window.lagged, network.static(window.groups, window.scale), window.times)
    return (network.design.output.loss(raw, window.target, window.scale) * window.observed).mean()


def _stuck(progress: Progress, plan: Plan) -> bool:
    return plan.patience is not None and progress.epoch - progress.best_epoch > plan.patience


def _save(folder: Path, network: Network, optimizer: Any, schedule: Any, progress: Progress) -> None:
    whole = {
        "network": network.state(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "progress": vars(progress),
    }
    partial = folder / f".{CHECKPOINT}"
    torch.save(whole, partial)
    partial.replace(folder / CHECKPOINT)


def _resumed(folder: Path | None, network: Network, optimizer: Any, schedule: Any, log: Log) -> Progress:
    progress = Progress()
    path = folder / CHECKPOINT if folder is not None else None
    if path is None or not path.is_file():
        return progress
    try:
        whole = torch.load(path, weights_only=True)
        network.load(whole["network"])
        optimizer.load_state_dict(whole["optimizer"])
        schedule.load_state_dict(whole["schedule"])
        vars(progress).update(whole["progress"])
    except (RuntimeError, KeyError, ValueError) as wrong:  # another job's: other layers, other categories
        log.say(f"{path.name} is not of this network and is left alone: {str(wrong).splitlines()[0]}")
        return Progress()
    log.say(f"Resuming from {path.name} after epoch {progress.epoch - 1}")
    return progress
