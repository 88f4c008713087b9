"""`python -m linear_learner.serve`: answers with score and, of a classifier, predicted_label."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm.serving import Artefact, Columns
from toolkit.serve import main

from linear_learner import artefact

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class Linear:
    """The weights and what a score means."""

    sparse = True
    root = "predictions"

    def __init__(self, folder: Path) -> None:
        self._weights, facts = artefact.load(folder)
        self.width = len(self._weights) - 1
        self._kind, self._loss = facts["predictor_type"], facts["loss"]
        self._threshold = float(facts["threshold"])

    def predict(self, features: NDArray[np.float32] | csr_matrix, accept: str) -> Columns:
        """Score every row."""
        score = features @ self._weights[:-1] + self._weights[-1]
        if self._kind == "multiclass_classifier":
            each = np.exp(score - score.max(axis=1, keepdims=True))
            each /= each.sum(axis=1, keepdims=True)
            return {"score": each, "predicted_label": each.argmax(axis=1)}
        single = score[:, 0]
        if self._kind == "regressor":
            return {"score": single}
        if self._loss == "logistic":
            single = 0.5 * (1 + np.tanh(0.5 * single))
        return {"score": single, "predicted_label": (single >= self._threshold).astype(np.int64)}


if __name__ == "__main__":
    sys.exit(main(Artefact(Linear)))
