"""`python -m pca.train`: finds principal components, with scikit-learn's PCA.

How it compares with AWS's: evidence/pca.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm import artefact, channels
from toolkit.algorithm.hyperparameters import Settings, check, declare
from toolkit.algorithm.quality import Log
from toolkit.environment import Training
from toolkit.failure import UserError
from toolkit.train import leave, main

DECLARED = declare("""
feature_dim       integer  [1, inf)   required
mini_batch_size   integer  [1, inf)   required
num_components    integer  [1, inf)   required
algorithm_mode    choice   regular randomized  regular
extra_components  integer  [-1, inf)  -1
subtract_mean     boolean  -          true
""")
SEED = 0


def train(job: Training) -> None:
    """Train on the channel `train`; leave the model in /opt/ml/model."""
    settings = check(job.hyperparameters, DECLARED)
    wanted, width = settings.integer("num_components"), settings.integer("feature_dim")
    if wanted > width:
        raise UserError(f"num_components is {wanted}; it must be at most feature_dim, which is {width}.")
    log = Log(job.host)
    table = channels.unlabelled(job, "train", width)
    if wanted > table.rows:
        raise UserError(f"num_components is {wanted}; the train channel has only {table.rows} rows.")
    artefact.save(job.where.model, _fit(channels.dense(table.features), settings))
    log.progress(1, 1)
    log.throughput(table.rows)


def _fit(rows: NDArray[np.float32], settings: Settings) -> Any:
    from sklearn.decomposition import PCA

    wanted, extra = settings.integer("num_components"), settings.integer("extra_components")
    # The documented default of extra components is the larger of 10 and the number of components.
    extra = max(10, wanted) if extra < 0 else extra
    way = "randomized"
    if settings.text("algorithm_mode") == "regular":
        way = "covariance_eigh" if len(rows) >= rows.shape[1] else "full"
    if not settings.flag("subtract_mean"):
        return _about_zero(rows, wanted, PCA(wanted, svd_solver="full"))
    model = PCA(wanted, svd_solver=way, n_oversamples=extra, copy=False, random_state=SEED)
    return model.fit(rows)


def _about_zero(rows: NDArray[np.float32], wanted: int, model: Any) -> Any:
    """Fill a PCA with the components of rows that were not centred, which scikit-learn does not offer."""
    from scipy.linalg import eigh

    width = rows.shape[1]
    values, vectors = eigh((rows.T @ rows).astype(np.float64), subset_by_index=(width - wanted, width - 1))
    model.components_ = np.ascontiguousarray(vectors[:, ::-1].T)
    model.mean_, model.n_components_, model.n_features_in_ = np.zeros(width), wanted, width
    model.singular_values_ = np.sqrt(np.maximum(values[::-1], 0))
    model.explained_variance_ = model.singular_values_**2 / max(1, len(rows) - 1)
    return model


if __name__ == "__main__":
    leave(main(train))
