"""`python -m randomcutforest.train`: grows a forest of random cuts, with krcf, AWS's open implementation.

How it compares with AWS's: evidence/random-cut-forest.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from toolkit.algorithm import channels
from toolkit.algorithm.hyperparameters import check, declare
from toolkit.algorithm.quality import Log
from toolkit.environment import Training
from toolkit.failure import UserError
from toolkit.train import leave, main

from randomcutforest import forest

DECLARED = declare("""
feature_dim           integer  [1, 10000]   required
eval_metrics          list     accuracy precision_recall_fscore  accuracy,precision_recall_fscore
num_samples_per_tree  integer  [1, 2048]    256
num_trees             integer  [50, 1000]   100
mini_batch_size       integer  [1, inf)     1000
""")
SEED = 1
SAMPLE = 2000
"""Rows of the training channel whose scores tell what is usual."""


def train(job: Training) -> None:
    """Grow on the channel `train`, score a labelled `test` when given; leave the model in /opt/ml/model."""
    settings = check(job.hyperparameters, DECLARED)
    width = settings.integer("feature_dim")
    log = Log(job.host)
    table = channels.unlabelled(job, "train", width)
    count, rows = table.rows, channels.dense(table.features)
    del table  # what is not needed any more makes room for the forest's file
    trees, sample = settings.integer("num_trees"), settings.integer("num_samples_per_tree")
    # A tree keeps a uniform sample; what no tree could keep need not be shown to any.
    needed = trees * sample
    if len(rows) > needed:
        rows = rows[np.sort(np.random.default_rng(SEED).choice(len(rows), needed, replace=False))]
    grown = forest.grow(rows, trees, sample, SEED)
    log.progress(1, 1)
    _score(job, log, grown, rows, settings.text("eval_metrics").split(","))
    log.throughput(count)
    del rows
    forest.save(job.where.model, grown)


def _score(job: Training, log: Log, grown: Any, rows: Any, metrics: list[str]) -> None:
    test = channels.optional(job, "test", labels=1)
    if test is None:
        return
    channels.check_width(test, rows.shape[1], "test")
    assert test.labels is not None  # noqa: S101 - asked for
    if not np.isin(test.labels, (0, 1)).all():
        raise UserError("The labels of the test channel must be 0 (usual) or 1 (an anomaly).")
    usual = forest.scores(grown, rows[:: max(1, len(rows) // SAMPLE)])
    said = forest.scores(grown, channels.dense(test.features)) > usual.mean() + 3 * usual.std()
    true = test.labels > 0.5
    hit = float((said & true).sum())
    precision, recall = hit / max(1.0, said.sum()), hit / max(1.0, true.sum())
    if "accuracy" in metrics:
        log.score("test", "accuracy", float((said == true).mean()))
    if "precision_recall_fscore" in metrics:
        log.score("test", "precision", precision)
        log.score("test", "recall", recall)
        log.score("test", "f1", 2 * precision * recall / max(1e-12, precision + recall))


if __name__ == "__main__":
    leave(main(train))
