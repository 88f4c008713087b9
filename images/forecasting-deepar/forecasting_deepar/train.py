"""`python -m forecasting_deepar.train`: trains DeepAR on the channel `train`, scores it on `test`.

How it compares with AWS's: evidence/deepar.md.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from toolkit.algorithm.quality import Log
from toolkit.environment import Training
from toolkit.failure import UserError
from toolkit.train import leave, main

from forecasting_deepar import hyperparameters, series, support
from forecasting_deepar.hyperparameters import Chosen
from forecasting_deepar.series import Form, Series

if TYPE_CHECKING:
    from forecasting_deepar.network import Design, Network

SEED, MOST_SEEDS = "DEEPAR_SEED", 2**32
"""The variable that chooses other random numbers, and how many choices there are."""


def train(job: Training) -> None:
    """Train, score, leave the model in /opt/ml/model."""
    chosen, seed = hyperparameters.read(job.hyperparameters), _seed(os.environ.get(SEED, "0"))
    if len(job.hosts) > 1:
        raise UserError(
            f"This job has {len(job.hosts)} hosts; Clary's DeepAR trains on one. Set InstanceCount to 1."
        )
    log = Log(job.host)
    given, form = _channel(job, chosen, "train", Form(chosen.frequency, chosen.cardinality, chosen.dynamic))
    if given is None:
        raise UserError(
            "Unable to initialize the algorithm: 'train' is a required channel. Give the job an input "
            "channel of that name."
        )
    _statistics(log, given, "Training")
    held_out, _ = _channel(job, chosen, "test", form)
    if held_out is not None:
        _statistics(log, held_out, "Test")
    usable = _long_enough(log, given, chosen.settings.integer("prediction_length"), "train")
    from forecasting_deepar import artefact, fitting
    from forecasting_deepar.network import Network
    from forecasting_deepar.windows import Windows

    settings = chosen.settings
    network = _network(_design(chosen, form, usable), Network, seed)
    plan = fitting.Plan(
        settings.integer("epochs"),
        settings.integer("mini_batch_size"),
        settings.number("learning_rate"),
        chosen.patience,
        seed,
    )
    folder = job.where.checkpoints if job.where.checkpoints.is_dir() else None
    reached = fitting.fit(network, Windows(usable, network.design), plan, log, folder)
    log.say(f"Final loss: {reached.best} (occurred at epoch {reached.best_epoch})")
    log.loss("train", "final_loss", reached.best)
    artefact.save(job.where.model, network)
    if held_out is not None:
        _score(log, network, _long_enough(log, held_out, network.design.prediction, "test"), chosen)


def _channel(job: Training, chosen: Chosen, name: str, form: Form) -> tuple[list[Series] | None, Form]:
    """Read a channel and what its series have in common, where the job leaves that to the data."""
    found = series.channel(job, name, form, chosen.settings.integer("prediction_length"))
    if found is None:
        return None, form
    cardinality, dynamic = form.cardinality, form.dynamic
    widths = {len(one.cat) for one in found}, {len(one.dynamic) for one in found}
    for what, counts in zip(("cat", "dynamic_feat"), widths, strict=True):
        if len(counts) > 1:
            raise UserError(
                f"The series of the {name} channel have {' or '.join(map(str, sorted(counts)))} entries in "
                f"{what!r}; all must have the same number."
            )
    if cardinality is None:
        table = np.array([one.cat for one in found]).reshape(len(found), -1)
        cardinality = [int(column.max()) + 1 for column in table.T]
    if dynamic is None:
        dynamic = len(found[0].dynamic)
    return support.supported(chosen.likelihood, found, name), Form(form.frequency, cardinality, dynamic)


def _long_enough(log: Log, found: list[Series], least: int, channel: str) -> list[Series]:
    usable = [one for one in found if len(one.target) > least and np.isfinite(one.target).any()]
    if not usable:
        raise UserError(
            f"No series of the {channel} channel can be used: each needs more than prediction_length={least} "
            f"values, not all of them missing; the longest has {max(len(one.target) for one in found)}."
        )
    if len(usable) < len(found):
        log.say(
            f"{len(found) - len(usable)} of {len(found)} series of the {channel} channel are not used: they "
            f"have no more than prediction_length={least} values, or none at all."
        )
    return usable


def _design(chosen: Chosen, form: Form, found: list[Series]) -> Design:
    from forecasting_deepar.network import Design

    settings = chosen.settings
    sizes = [float(np.nansum(np.abs(one.target))) for one in found]
    known = sum(int(np.isfinite(one.target).sum()) for one in found)
    return Design(
        frequency=f"{chosen.frequency.multiple}{chosen.frequency.unit}",
        context=settings.integer("context_length"),
        prediction=settings.integer("prediction_length"),
        lags=chosen.frequency.lags(),
        features=[*chosen.frequency.features],
        cardinality=form.cardinality or [],
        embedding=settings.integer("embedding_dimension"),
        dynamic=form.dynamic or 0,
        cells=settings.integer("num_cells"),
        layers=settings.integer("num_layers"),
        dropout=settings.number("dropout_rate"),
        likelihood=chosen.likelihood,
        default_scale=sum(sizes) / known or 1.0,
    )


def _network(design: Design, build: type[Network], seed: int) -> Network:
    import torch

    torch.manual_seed(seed)
    return build(design)


def _seed(written: str) -> int:
    if not written.isdecimal() or int(written) >= MOST_SEEDS:
        raise UserError(
            f"The environment variable {SEED} is {written!r}; it must be a whole number from 0 to "
            f"{MOST_SEEDS - 1}."
        )
    return int(written)


def _statistics(log: Log, found: list[Series], name: str) -> None:
    values = np.concatenate([one.target for one in found])
    known = values[np.isfinite(values)]
    log.say(f"{name} set statistics:")
    log.say("Integer time series" if (known == np.floor(known)).all() else "Real time series")
    log.say(f"number of time series: {len(found)}")
    log.say(f"number of observations: {len(known)}")
    log.say(f"mean target length: {len(values) / len(found):g}")
    if len(known):
        log.say(f"min/mean/max target: {known.min()}/{known.mean()}/{known.max()}")
        log.say(f"mean abs(target): {np.abs(known).mean()}")
    log.say(f"contains missing values: {'yes' if len(known) < len(values) else 'no'}")


def _score(log: Log, network: Network, found: list[Series], chosen: Chosen) -> None:
    import torch

    from forecasting_deepar import scores
    from forecasting_deepar.forecasting import futures
    from forecasting_deepar.windows import Windows

    samples, length = chosen.settings.integer("num_eval_samples"), network.design.prediction
    log.say(f"Evaluating model accuracy on testset using {samples} samples")
    windows = Windows(found, network.design)
    at, which = windows.lengths - length, np.arange(len(found))
    torch.manual_seed(0)
    drawn = futures(network, windows, at, samples).astype(np.float64)
    actual = windows.actual(which, at, length)
    root = scores.rmse(drawn.mean(axis=1), actual)
    losses = [scores.quantile_loss(np.quantile(drawn, q, axis=1), actual, q) for q in chosen.quantiles]
    size = float(np.nansum(np.abs(actual))) or 1.0
    absolute, weighted = float(np.mean(losses)), float(np.mean(losses)) / size
    told = {"RMSE": root, "mean_absolute_QuantileLoss": absolute, "mean_wQuantileLoss": weighted}
    told |= {f"wQuantileLoss[{q:g}]": loss / size for q, loss in zip(chosen.quantiles, losses, strict=True)}
    for name, value in told.items():
        log.say(f"#test_score ({log.host}, {name}): {value}")
    for name in ("RMSE", "mean_wQuantileLoss"):
        log.loss("test", name, told[name])


if __name__ == "__main__":
    leave(main(train))
