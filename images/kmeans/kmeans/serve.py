"""`python -m kmeans.serve`: answers with closest_cluster and distance_to_cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm import artefact
from toolkit.algorithm.serving import Artefact, Columns
from toolkit.serve import main

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class Clusters:
    """The centres."""

    sparse = False
    root = "predictions"

    def __init__(self, folder: Path) -> None:
        self._centres = artefact.load(folder).cluster_centers_.astype(np.float64)
        self._lengths = (self._centres**2).sum(axis=1)
        self.width = self._centres.shape[1]

    def predict(self, features: NDArray[np.float32] | csr_matrix, accept: str) -> Columns:
        """Find the nearest centre of every row."""
        rows = np.asarray(features, np.float64)
        nearest = (self._lengths - 2 * (rows @ self._centres.T)).argmin(axis=1)
        distance = np.sqrt(((rows - self._centres[nearest]) ** 2).sum(axis=1))
        return {"closest_cluster": nearest.astype(np.float64), "distance_to_cluster": distance}


if __name__ == "__main__":
    sys.exit(main(Artefact(Clusters)))
