"""`python -m factorization_machines.train`: trains a factorization machine.

How it compares with AWS's: evidence/factorization-machines.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm import channels
from toolkit.algorithm.channels import Table
from toolkit.algorithm.hyperparameters import Settings, check, declare
from toolkit.algorithm.quality import Log
from toolkit.environment import Training
from toolkit.failure import UserError
from toolkit.train import leave, main

from factorization_machines.machine import Adam, Floats, Machine, Rates, save, scores

DECLARED = declare("""
feature_dim          integer  [1, inf)  required
num_factors          integer  [1, inf)  required
predictor_type       choice   binary_classifier regressor  required
epochs               integer  [1, inf)  1
mini_batch_size      integer  [1, inf)  1000
clip_gradient        number   -         -
eps                  number   -         -
rescale_grad         number   -         -
bias_init_method     choice   normal uniform constant  normal
bias_init_scale      number   [0, inf)  -
bias_init_sigma      number   [0, inf)  0.01
bias_init_value      number   -         -
bias_lr              number   [0, inf)  0.1
bias_wd              number   [0, inf)  0.01
linear_init_method   choice   normal uniform constant  normal
linear_init_scale    number   [0, inf)  -
linear_init_sigma    number   [0, inf)  0.01
linear_init_value    number   -         -
linear_lr            number   [0, inf)  0.001
linear_wd            number   [0, inf)  0.001
factors_init_method  choice   normal uniform constant  normal
factors_init_scale   number   [0, inf)  -
factors_init_sigma   number   [0, inf)  0.001
factors_init_value   number   -         -
factors_lr           number   [0, inf)  0.0001
factors_wd           number   [0, inf)  0.00001
""")
PARTS = ("bias", "linear", "factors")
SEED = 0


def train(job: Training) -> None:
    """Train on the channel `train`, score on `test` when given; leave the model in /opt/ml/model."""
    settings = check(job.hyperparameters, DECLARED)
    kind, log = settings.text("predictor_type"), Log(job.host)
    machine = _initial(settings)
    table = _channel(job, settings, "train")
    assert table is not None and table.labels is not None  # noqa: S101 - _channel requires them
    rates, decays = (Rates(*(settings.number(f"{part}_{what}") for part in PARTS)) for what in ("lr", "wd"))
    adam, dice = Adam(machine, rates, decays), np.random.default_rng(SEED)
    size = min(settings.integer("mini_batch_size"), table.rows)
    clip = settings.number("clip_gradient") if settings.given("clip_gradient") else None
    scale = settings.number("rescale_grad", 1.0 / size)
    epochs = settings.integer("epochs")
    for epoch in range(epochs):
        order = dice.permutation(table.rows)
        for begin in range(0, table.rows, size):
            batch = order[begin : begin + size]
            rows, labels = table.features[batch], table.labels[batch]
            adam.step(rows, _slope(scores(machine, rows), labels, kind), clip, scale)
        for name, value in _metrics(scores(machine, table.features), table.labels, kind).items():
            _tell(log, "train", name, value, epoch)
        log.progress(epoch + 1, epochs)
    for channel in ("train", "test"):
        found = table if channel == "train" else _channel(job, settings, channel)
        if found is not None and found.labels is not None:
            for name, value in _metrics(scores(machine, found.features), found.labels, kind).items():
                _tell(log, channel, name, value, None)
    log.throughput(table.rows * epochs)
    save(job.where.model, machine, kind)


def _initial(settings: Settings) -> Machine:
    dice = np.random.default_rng(SEED)
    width = settings.integer("feature_dim")
    shapes: tuple[tuple[int, ...], ...] = ((1,), (width,), (width, settings.integer("num_factors")))
    parts: list[Floats] = []
    for part, shape in zip(PARTS, shapes, strict=True):
        method = settings.text(f"{part}_init_method")
        needed = {"normal": "sigma", "uniform": "scale", "constant": "value"}[method]
        if not settings.given(f"{part}_init_{needed}"):
            raise UserError(
                f"{part}_init_method {method!r} requires the hyperparameter {part}_init_{needed}."
            )
        size = settings.number(f"{part}_init_{needed}")
        values: NDArray[Any] = np.full(shape, size)
        if method != "constant":
            values = dice.normal(0, size, shape) if method == "normal" else dice.uniform(-size, size, shape)
        parts.append(values.astype(np.float32))
    return Machine(*parts)


def _slope(score: Floats, labels: Floats, kind: str) -> Floats:
    """Return the derivative of the squared loss, or of the cross entropy, by the score."""
    said = score if kind == "regressor" else 0.5 * (1 + np.tanh(0.5 * score))
    return (said - labels) * (2 if kind == "regressor" else 1)


def _metrics(score: Floats, labels: Floats, kind: str) -> dict[str, float]:
    plain = score.astype(np.float64)
    if kind == "regressor":
        away = plain - labels
        square = float((away * away).mean())
        return {"rmse": square**0.5, "mse": square, "absolute_loss": float(np.abs(away).mean())}
    said, true = plain > 0, labels > 0.5
    hit = float((said & true).sum())
    return {
        "binary_classification_accuracy": float((said == true).mean()),
        "binary_classification_cross_entropy": float((np.logaddexp(0, plain) - labels * plain).mean()),
        "binary_f_1.000": 2 * hit / max(1.0, float(said.sum() + true.sum())),
    }


def _tell(log: Log, channel: str, name: str, value: float, epoch: int | None) -> None:
    if name.endswith(("accuracy", "f_1.000")):
        if epoch is None:
            log.score(channel, name, value)
    else:
        log.loss(channel, name, value, epoch=epoch)


def _channel(job: Training, settings: Settings, name: str) -> Table | None:
    read = channels.required if name == "train" else channels.optional
    table = read(job, name, labels=1)
    if table is None:
        return None
    width = settings.integer("feature_dim")
    features = table.features
    if isinstance(features, np.ndarray):
        from scipy.sparse import csr_matrix

        features = csr_matrix(features)
    elif features.shape[1] < width:
        features.resize((features.shape[0], width))
    found = Table(features, table.labels)
    channels.check_width(found, width, name)
    channels.finite(found, name)
    binary = settings.text("predictor_type") == "binary_classifier"
    if binary and table.labels is not None and not np.isin(table.labels, (0, 1)).all():
        raise UserError(f"The labels of a binary_classifier must be 0 or 1; the {name} channel has others.")
    return found


if __name__ == "__main__":
    leave(main(train))
