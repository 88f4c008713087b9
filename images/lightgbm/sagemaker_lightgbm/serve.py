"""`python -m sagemaker_lightgbm.serve`: answers rows of CSV with probabilities, or with predictions of a
regression."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from toolkit.contract import layout
from toolkit.failure import UserError
from toolkit.serve import main
from toolkit.server.messages import CSV, JSON, Answer, Model, Refused, Request, negotiate, unsupported

from sagemaker_lightgbm.train import MODEL
from toolkit import rows


class Boosted:
    """A booster behind /invocations."""

    together = True

    def __init__(self, path: Path) -> None:
        import lightgbm

        self._booster: Any = lightgbm.Booster(model_file=str(path))
        self._width = self._booster.num_feature()
        kind = path.read_text().partition("objective=")[2].split(maxsplit=1)[0]
        self._classifies = kind in ("binary", "multiclass")

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer every request; a bad one is refused alone."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Answer:
        try:
            negotiate(request.accept, (JSON,), JSON)
            if request.media != CSV:
                raise unsupported(request.content_type, (CSV,))
            table = rows.read(request)
            if table.shape[1] != self._width:
                raise Refused(
                    400, f"The rows have {table.shape[1]} features; the model was trained on {self._width}."
                )
        except Refused as wrong:
            return wrong.answer()
        found = np.asarray(self._booster.predict(table, num_threads=1))
        return Answer(200, JSON, json.dumps(self._told(found, "verbose" in request.accept)).encode())

    def _told(self, found: Any, verbose: bool) -> dict[str, Any]:
        if not self._classifies:
            return {"prediction": found.tolist()}
        each = np.column_stack([1 - found, found]) if found.ndim == 1 else found
        told: dict[str, Any] = {"probabilities": each.tolist()}
        if verbose:
            labels = list(range(each.shape[1]))
            told |= {"labels": labels, "predicted_label": each.argmax(axis=1).tolist()}
        return told


class Source:
    """The file that a training left in /opt/ml/model."""

    def prepare(self) -> None:
        """Nothing to fetch."""

    def load(self) -> Model:
        """Load it, or say that it is missing."""
        path = layout().model / MODEL
        if not path.is_file():
            raise UserError(f"There is no model: {path} is missing. The training must leave it.")
        return Boosted(path)


if __name__ == "__main__":
    sys.exit(main(Source()))
