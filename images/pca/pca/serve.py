"""`python -m pca.serve`: answers with projections, the most important component last as on AWS."""

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


class Components:
    """The components and what is subtracted before them."""

    sparse = True
    root = "projections"

    def __init__(self, folder: Path) -> None:
        model = artefact.load(folder)
        self._components = np.ascontiguousarray(model.components_[::-1].T, np.float64)
        self._mean = model.mean_ @ self._components
        self.width = len(self._components)

    def predict(self, features: NDArray[np.float32] | csr_matrix, accept: str) -> Columns:
        """Project every row."""
        return {"projection": features @ self._components - self._mean}


if __name__ == "__main__":
    sys.exit(main(Artefact(Components)))
