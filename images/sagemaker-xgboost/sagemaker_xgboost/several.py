"""The built-in algorithm on several hosts: those that were given rows train one model together."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

import numpy as np
from toolkit.environment import Training
from toolkit.failure import UserError

from sagemaker_xgboost import collective, data
from sagemaker_xgboost.hyperparameters import Settings

EXACT = "exact"  # of the tree methods the one that does not work on parts of the rows


class Boost(Protocol):
    """Trains on this host's rows and, where it leads, leaves the model."""

    def __call__(
        self,
        job: Training,
        settings: Settings,
        examples: data.Examples,
        held_out: data.Examples | None,
        *,
        leads: bool,
    ) -> None:
        """Train."""
        ...


def train(
    xgboost: Any,
    job: Training,
    settings: Settings,
    examples: data.Examples | None,
    held_out: data.Examples | None,
    boost: Boost,
) -> None:
    """Find out who has rows, and train with them."""
    importlib.import_module("xgboost.tracker")  # XGBoost does not load it by itself

    if settings.booster.get("tree_method") == EXACT:
        raise UserError(
            f"tree_method is exact, and the job has {len(job.hosts)} hosts; use hist, approx or auto, or one "
            "host."
        )
    width = examples[0].shape[1] if examples else 0
    facts = (examples is not None, held_out is not None, width, "validation" in job.channels)
    table = collective.told_by_all(xgboost, job.hosts, job.host, facts)
    taking = [host for host, row in zip(job.hosts, table, strict=True) if row[0]]
    if not taking:
        raise UserError("No data in the training channel of any host. Upload some, or correct its S3Uri.")
    _check(job, taking, {host: table[job.hosts.index(host)] for host in taking}, examples)
    if examples is None:
        print(f"{job.host} has no training data and leaves the training to {', '.join(taking)}", flush=True)
        return
    if len(taking) == 1:
        boost(job, settings, examples, held_out, leads=True)
        return
    with collective.joined(xgboost, taking, job.host, collective.PORT + 1) as rank:
        print(f"Training on {len(taking)} hosts; this is number {rank + 1}", flush=True)
        boost(job, settings, examples, held_out, leads=rank == 0)


def _check(
    job: Training, taking: list[str], told: dict[str, list[int]], examples: data.Examples | None
) -> None:
    """Refuse what would make the hosts wait for each other for ever, or train on different columns."""
    lacking = [host for host, row in told.items() if row[3] and not row[1]]
    if lacking:
        raise UserError(
            f"The validation channel has no data on {', '.join(lacking)}: each host that trains needs some. "
            "Set its S3DataDistributionType to FullyReplicated, or give it as many files as there are hosts."
        )
    widths = {host: row[2] for host, row in told.items()}
    dense = examples is not None and isinstance(examples[0], np.ndarray)  # libsvm leaves out empty columns
    if dense and len(set(widths.values())) > 1:
        raise UserError(f"The hosts have different numbers of features: {widths}. Each file needs the same.")
