"""`python -m knn.serve`: answers with predicted_label, and with distances and labels when asked for
verbose=true."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm import artefact
from toolkit.algorithm.serving import Artefact, Columns
from toolkit.serve import main

from knn import index
from knn.train import FACTS, labels_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class Neighbours:
    """The sample and how it is searched."""

    sparse = False
    root = "predictions"

    def __init__(self, folder: Path) -> None:
        facts = json.loads((folder / FACTS).read_text())
        self._estimator = artefact.load(folder)
        self._k, self._metric = facts["k"], facts["index_metric"]
        self._classify = facts["predictor_type"] == "classifier"
        self._labels = labels_of(self._estimator, classify=self._classify)
        self.width = facts["feature_dim"]
        self._projection = None
        if facts["reduction"]:
            self._projection = index.projection(
                facts["reduction"], self.width, facts["target"], facts["seed"]
            )

    def predict(self, features: NDArray[np.float32] | csr_matrix, accept: str) -> Columns:
        """Find the neighbours of every row."""
        rows = np.asarray(features, np.float32)
        if self._projection is not None:
            rows = rows @ self._projection
        distances, places = index.nearest(self._estimator, self._metric, rows, self._k)
        labels = self._labels[places]
        columns = {"predicted_label": index.vote(labels, classify=self._classify)}
        if "verbose=true" in accept.replace(" ", "").lower():
            columns |= {"distances": distances.astype(np.float64), "labels": labels.astype(np.float64)}
        return columns


if __name__ == "__main__":
    sys.exit(main(Artefact(Neighbours)))
