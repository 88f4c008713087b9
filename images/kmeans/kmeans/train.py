"""`python -m kmeans.train`: trains K-Means, with scikit-learn's Lloyd iterations over all rows.

How it compares with AWS's: evidence/kmeans.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from toolkit.algorithm import artefact, channels
from toolkit.algorithm.hyperparameters import check, declare
from toolkit.algorithm.quality import Log
from toolkit.environment import Training
from toolkit.failure import UserError
from toolkit.train import leave, main

DECLARED = declare("""
feature_dim              integer  [1, inf)  required
k                        integer  [1, inf)  required
epochs                   integer  [1, inf)  1
eval_metrics             list     msd ssd   msd
extra_center_factor      integer  [1, inf)  auto
half_life_time_size      integer  [0, inf)  0
init_method              choice   random kmeans++  random
local_lloyd_init_method  choice   random kmeans++  kmeans++
local_lloyd_max_iter     integer  [1, inf)  300
local_lloyd_num_trials   integer  [1, inf)  auto
local_lloyd_tol          number   [0, 1]    0.0001
mini_batch_size          integer  [1, inf)  5000
""")
SEED = 0


def train(job: Training) -> None:
    """Train on the channel `train`, score on `test` when given; leave the model in /opt/ml/model."""
    settings = check(job.hyperparameters, DECLARED)
    log = Log(job.host)
    table = channels.unlabelled(job, "train", settings.integer("feature_dim"))
    clusters = settings.integer("k")
    if table.rows < clusters:
        raise UserError(
            f"The train channel has {table.rows} rows; k={clusters} clusters need at least as many."
        )
    from sklearn.cluster import KMeans

    start = settings.text("local_lloyd_init_method")
    model = KMeans(
        clusters,
        init="k-means++" if start == "kmeans++" else "random",
        n_init=settings.integer("local_lloyd_num_trials", 1 if start == "kmeans++" else 10),
        max_iter=settings.integer("local_lloyd_max_iter"),
        tol=settings.number("local_lloyd_tol"),
        random_state=SEED,
        copy_x=False,
    )
    rows = table.features
    model.fit(channels.dense(rows) if isinstance(rows, np.ndarray) else rows)
    log.progress(1, 1)
    log.loss("train", "msd", float(model.inertia_) / table.rows)
    del model.labels_  # of the training rows: as long as they are, and of no use to an answer
    _score(job, log, model, settings.text("eval_metrics").split(","), settings.integer("feature_dim"))
    log.throughput(table.rows)
    # Rows of Python's numbers are float64, and scikit-learn wants centres and rows to be of one type.
    model.cluster_centers_ = model.cluster_centers_.astype(np.float64)
    artefact.save(job.where.model, model)


def _score(job: Training, log: Log, model: Any, metrics: list[str], width: int) -> None:
    test = channels.test(job, width)
    if test is None:
        return
    total = -float(model.score(test.features))
    for name in metrics:
        log.loss("test", name, total if name == "ssd" else total / test.rows)


if __name__ == "__main__":
    leave(main(train))
