"""`python -m sagemaker_lightgbm.serve`: answers rows of CSV with probabilities, or with predictions of a
regression."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm.tabular import Source
from toolkit.serve import main

from sagemaker_lightgbm.train import MODEL


class Booster:
    """LightGBM's booster."""

    def __init__(self, path: Path) -> None:
        import lightgbm

        self._booster: Any = lightgbm.Booster(model_file=str(path))
        self.width = int(self._booster.num_feature())
        kind = path.read_text().partition("objective=")[2].split(maxsplit=1)[0]
        self.classifies = kind in ("binary", "multiclass")

    def predict(self, table: Any) -> NDArray[np.float64]:
        """Predict every row."""
        return np.asarray(self._booster.predict(table, num_threads=1))


if __name__ == "__main__":
    sys.exit(main(Source(MODEL, Booster)))
