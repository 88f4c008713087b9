"""`python -m factorization_machines.serve`: answers with score and, of a classifier, predicted_label."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm.serving import Artefact, Columns
from toolkit.serve import main

from factorization_machines import machine

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class Factorized:
    """The machine."""

    sparse = True
    root = "predictions"

    def __init__(self, folder: Path) -> None:
        self._machine, self._kind = machine.load(folder)
        self.width = len(self._machine.linear)

    def predict(self, features: NDArray[np.float32] | csr_matrix, accept: str) -> Columns:
        """Score every row."""
        score = machine.scores(self._machine, features).astype(np.float64)
        if self._kind == "regressor":
            return {"score": score}
        likely = 0.5 * (1 + np.tanh(0.5 * score))
        return {"score": likely, "predicted_label": (score > 0).astype(np.float64)}


if __name__ == "__main__":
    sys.exit(main(Artefact(Factorized)))
