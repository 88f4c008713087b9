"""`python -m lda.serve`: answers with the topic_mixture of every document."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm import artefact
from toolkit.algorithm.serving import Artefact, Columns
from toolkit.serve import main
from toolkit.server.messages import Refused

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class Topics:
    """The topics."""

    sparse = True
    root = "predictions"

    def __init__(self, folder: Path) -> None:
        self._model = artefact.load(folder)
        self.width = int(self._model.components_.shape[1])

    def predict(self, features: NDArray[np.float32] | csr_matrix, accept: str) -> Columns:
        """Tell of which topics every document is."""
        if features.min() < 0:
            raise Refused(400, "A document has negative counts; words are counted from 0.")
        return {"topic_mixture": self._model.transform(features)}


if __name__ == "__main__":
    sys.exit(main(Artefact(Topics)))
