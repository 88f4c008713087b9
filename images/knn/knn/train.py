"""`python -m knn.train`: samples the training rows and indexes them, with scikit-learn's neighbours.

How it compares with AWS's: evidence/knn.md.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm import artefact, channels
from toolkit.algorithm.hyperparameters import Settings, check, declare
from toolkit.algorithm.quality import Log
from toolkit.environment import Training
from toolkit.failure import UserError
from toolkit.train import leave, main

from knn import index

DECLARED = declare("""
feature_dim                 integer  [1, inf)  required
k                           integer  [1, inf)  required
predictor_type              choice   classifier regressor  required
sample_size                 integer  [1, inf)  required
dimension_reduction_target  integer  [1, inf)  -
dimension_reduction_type    choice   sign fjlt  -
faiss_index_ivf_nlists      integer  [1, inf)  auto
faiss_index_pq_m            integer  [1, inf)  -
index_metric                choice   L2 INNER_PRODUCT COSINE  L2
index_type                  choice   faiss.Flat faiss.IVFFlat faiss.IVFPQ  faiss.Flat
mini_batch_size             integer  [1, inf)  5000
""")
FACTS = "knn.json"
SEED = 0
BATCH = 4096


def train(job: Training) -> None:
    """Index the channel `train`, score on `test` when given; leave the model in /opt/ml/model."""
    settings = read(job)
    log = Log(job.host)
    width = settings.integer("feature_dim")
    table = channels.required(job, "train", labels=1)
    channels.check_width(table, width, "train")
    channels.finite(table, "train")
    sample = np.arange(table.rows)
    if table.rows > settings.integer("sample_size"):
        dice = np.random.default_rng(SEED)
        sample = np.sort(dice.choice(table.rows, settings.integer("sample_size"), replace=False))
    if len(sample) < settings.integer("k"):
        raise UserError(f"k is {settings.integer('k')}; the sample has only {len(sample)} rows.")
    assert table.labels is not None  # noqa: S101 - asked for
    rows = channels.dense(table.features if len(sample) == table.rows else table.features[sample])
    facts: dict[str, Any] = {
        "k": settings.integer("k"),
        "feature_dim": width,
        "predictor_type": settings.text("predictor_type"),
        "index_metric": settings.text("index_metric"),
        "reduction": settings.text("dimension_reduction_type"),
        "target": settings.integer("dimension_reduction_target"),
        "seed": SEED,
    }
    if facts["reduction"]:
        rows = rows @ index.projection(facts["reduction"], width, facts["target"], SEED)
    estimator = _estimator(facts, rows, table.labels[sample])
    log.progress(1, 1)
    _score(job, log, estimator, facts)
    log.throughput(table.rows)
    artefact.save(job.where.model, estimator)
    (job.where.model / FACTS).write_text(json.dumps(facts))


def read(job: Training) -> Settings:
    """Check the hyperparameters and how they fit together."""
    settings = check(job.hyperparameters, DECLARED)
    kind, target = settings.given("dimension_reduction_type"), settings.given("dimension_reduction_target")
    if kind != target:
        raise UserError(
            "dimension_reduction_type and dimension_reduction_target come together; one of them is missing."
        )
    fewer, width = settings.integer("dimension_reduction_target"), settings.integer("feature_dim")
    if target and fewer >= width:
        raise UserError(
            f"dimension_reduction_target is {fewer}; it must be less than feature_dim, which is {width}."
        )
    return settings


def _estimator(facts: dict[str, Any], rows: NDArray[np.float32], labels: NDArray[np.float32]) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    classify = facts["predictor_type"] == "classifier"
    make = KNeighborsClassifier if classify else KNeighborsRegressor
    metric = index.METRICS[facts["index_metric"]]
    return make(facts["k"], algorithm="brute", metric=metric).fit(rows, labels)


def _score(job: Training, log: Log, estimator: Any, facts: dict[str, Any]) -> None:
    test = channels.optional(job, "test", labels=1)
    if test is None:
        return
    channels.check_width(test, facts["feature_dim"], "test")
    assert test.labels is not None  # noqa: S101 - asked for
    classify = facts["predictor_type"] == "classifier"
    known = labels_of(estimator, classify=classify)
    rows = channels.dense(test.features)
    if facts["reduction"]:
        rows = rows @ index.projection(facts["reduction"], rows.shape[1], facts["target"], facts["seed"])
    wrong = 0.0
    for begin in range(0, len(rows), BATCH):
        _, places = index.nearest(estimator, facts["index_metric"], rows[begin : begin + BATCH], facts["k"])
        said = index.vote(known[places], classify=classify)
        away = said - test.labels[begin : begin + BATCH]
        wrong += float((away != 0).sum() if classify else (away * away).sum())
    if classify:
        log.score("test", "accuracy", 1 - wrong / test.rows)
    else:
        log.loss("test", "mse", wrong / test.rows)


def labels_of(estimator: Any, *, classify: bool) -> NDArray[np.floating]:
    """Return the labels of the sample's rows."""
    known: NDArray[np.floating] = estimator.classes_[estimator._y] if classify else estimator._y
    return known


if __name__ == "__main__":
    leave(main(train))
