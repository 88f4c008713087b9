"""`python -m sagemaker_catboost.serve`: answers rows of CSV with probabilities, or with predictions of a
regression."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm.tabular import Source
from toolkit.serve import main

from sagemaker_catboost.train import MODEL, texts


class Trees:
    """CatBoost's model."""

    def __init__(self, path: Path) -> None:
        from catboost import CatBoost

        self._model: Any = CatBoost()
        self._model.load_model(str(path))
        self.width = len(self._model.feature_names_)
        self._categories = list(self._model.get_cat_feature_indices())
        kind = self._model.get_all_params()["loss_function"]
        self.classifies = kind in ("Logloss", "MultiClass")

    def predict(self, table: Any) -> NDArray[np.float64]:
        """Predict every row."""
        rows = texts(table, self._categories) if self._categories else table
        kind = "Probability" if self.classifies else "RawFormulaVal"
        return np.asarray(self._model.predict(rows, prediction_type=kind, thread_count=1))


if __name__ == "__main__":
    sys.exit(main(Source(MODEL, Trees)))
