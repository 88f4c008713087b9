"""`python -m randomcutforest.serve`: answers with anomaly scores."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm.serving import Artefact, Columns
from toolkit.serve import main

from randomcutforest import forest

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class Forest:
    """The forest."""

    sparse = False
    root = "scores"

    def __init__(self, folder: Path) -> None:
        self._forest = forest.load(folder)
        self.width = int(self._forest.dimensions())

    def predict(self, features: NDArray[np.float32] | csr_matrix, accept: str) -> Columns:
        """Score every row."""
        return {"score": forest.scores(self._forest, np.asarray(features, np.float32))}


if __name__ == "__main__":
    sys.exit(main(Artefact(Forest)))
