"""`python -m lda.train`: finds topics, with scikit-learn's variational LDA.

How it compares with AWS's: evidence/lda.md.
"""

from __future__ import annotations

import numpy as np
from toolkit.algorithm import artefact, channels
from toolkit.algorithm.channels import Table
from toolkit.algorithm.hyperparameters import check, declare
from toolkit.algorithm.quality import Log
from toolkit.environment import Training
from toolkit.failure import UserError
from toolkit.train import leave, main

DECLARED = declare("""
feature_dim      integer  [1, inf)  required
mini_batch_size  integer  [1, inf)  required
num_topics       integer  [1, inf)  required
alpha0           number   (0, inf)  1.0
max_iterations   integer  [1, inf)  1000
max_restarts     integer  [1, inf)  10
tol              number   (0, inf)  0.00000001
""")
SEED = 0
ROUNDS = 10
"""Of expectation and maximisation, scikit-learn's own default; max_iterations can only make it fewer."""


def train(job: Training) -> None:
    """Train on the channel `train`, score on `test` when given; leave the model in /opt/ml/model."""
    settings = check(job.hyperparameters, DECLARED)
    log = Log(job.host)
    width, topics = settings.integer("feature_dim"), settings.integer("num_topics")
    table = channels.unlabelled(job, "train", width)
    _counts(table, "train")
    from sklearn.decomposition import LatentDirichletAllocation

    model = LatentDirichletAllocation(
        topics,
        doc_topic_prior=settings.number("alpha0") / topics,
        max_iter=min(ROUNDS, settings.integer("max_iterations")),
        learning_method="batch",
        random_state=SEED,
    )
    model.fit(table.features)
    log.progress(1, 1)
    test = channels.test(job, width)
    if test is not None:
        _counts(test, "test")
        words = max(1.0, float(test.features.sum(dtype=np.float64)))
        log.score("test", "pwll", float(model.score(test.features)) / words)
    log.throughput(table.rows)
    artefact.save(job.where.model, model)


def _counts(table: Table, channel: str) -> None:
    if table.features.min() < 0:
        raise UserError(f"The {channel} channel has negative counts; a document's words are counted from 0.")


if __name__ == "__main__":
    leave(main(train))
