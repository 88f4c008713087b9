"""`python -m sagemaker_xgboost.serve`: answers with the built-in model, or with the user's inference
script. What answers look like: evidence/xgboost-responses.md."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from toolkit.contract import layout
from toolkit.failure import UserError
from toolkit.serve import Chosen, main
from toolkit.server.messages import CSV, Answer, Model, Refused, Request, Source, negotiate

from sagemaker_xgboost import payloads, selection
from sagemaker_xgboost.booster import Booster, BoosterError
from toolkit import handlers, rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]


class BuiltIn:
    """Boosters that answer rows: all dense requests of one turn in one call of the library."""

    together = True

    def __init__(self, boosters: Sequence[Booster]) -> None:
        self._boosters = boosters
        first = boosters[0]
        self._width, self._objective, self._classes = first.width, first.objective, first.classes
        self._keys = os.environ.get("SAGEMAKER_INFERENCE_OUTPUT", "").replace(" ", "").lower().split(",")

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer every request; a bad one is refused alone."""
        answers: list[Answer | None] = [None] * len(requests)
        tables: list[Floats] = []
        places: list[tuple[int, str]] = []
        for number, request in enumerate(requests):
            if not request.body:
                answers[number] = Answer(204, CSV, b"")
                continue
            try:
                media = negotiate(request.accept, payloads.WRITES, CSV)
                table = rows.read(request)
                self._check_width(table, request)
                if isinstance(table, np.ndarray):
                    tables.append(table)
                    places.append((number, media))
                else:
                    answers[number] = self._written(
                        self._mean([one.predict_sparse(table) for one in self._boosters]), media
                    )
            except (Refused, BoosterError) as wrong:
                answers[number] = _refusal(wrong)
        self._answer_dense(answers, tables, places)
        return [answer for answer in answers if answer is not None]

    def _answer_dense(
        self, answers: list[Answer | None], tables: list[Floats], places: list[tuple[int, str]]
    ) -> None:
        if not tables:
            return
        together = tables[0] if len(tables) == 1 else np.concatenate(tables)
        try:
            scores = self._mean([booster.predict(together) for booster in self._boosters])
        except BoosterError as wrong:
            if len(tables) > 1:  # one of them is at fault: ask for each alone
                for table, place in zip(tables, places, strict=True):
                    self._answer_dense(answers, [table], [place])
            else:
                answers[places[0][0]] = _refusal(wrong)
            return
        start = 0
        for (number, media), table in zip(places, tables, strict=True):
            answers[number] = self._written(scores[start : start + len(table)], media)
            start += len(table)

    def _written(self, scores: Floats, media: str) -> Answer:
        if self._keys != [""]:
            chosen = selection.select(scores, self._keys, self._objective, self._classes)
            return Answer(200, media, selection.write(chosen, self._keys, media))
        return Answer(
            200, f"{media}; charset=utf-8" if media == CSV else media, payloads.write(scores, media)
        )

    def _check_width(self, table: Floats | csr_matrix, request: Request) -> None:
        width: int = table.shape[1]
        dense = isinstance(table, np.ndarray)
        if width > self._width or (dense and width != self._width):
            kind = (request.media or CSV).rpartition("/")[2]
            raise Refused(
                400,
                f"Unable to evaluate payload provided: Feature size of {kind} inference data {width} is "
                f"not consistent "
                f"with feature size of trained model {self._width}.",
            )

    def _mean(self, scores: Sequence[Floats]) -> Floats:
        return scores[0] if len(scores) == 1 else np.mean(scores, axis=0)


class BuiltInSource:
    """The files that a training left in /opt/ml/model."""

    def prepare(self) -> None:
        """Nothing to fetch; numpy is imported already."""

    def load(self) -> Model:
        """Load `xgboost-model`, or every model file that is there as an ensemble."""
        folder = layout().model
        files = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
        files = [path for path in files if path.name == "xgboost-model"] or files
        if not files:
            raise UserError(
                f"There is no model: {folder} holds no file. The training must leave one, like xgboost-model."
            )
        return BuiltIn([load(path) for path in files])


def load(path: Path) -> Booster:
    """Load one model file: XGBoost's own formats, or a pickle from older containers."""
    raw = path.read_bytes()
    try:
        return Booster(_unpickle(path) if raw[:1] == b"\x80" else raw)
    except BoosterError as wrong:
        raise UserError(f"Model at {path} cannot be loaded: {wrong}") from wrong


def _unpickle(path: Path) -> bytes:
    import pickle

    with path.open("rb") as file:
        model = pickle.load(file)  # noqa: S301
    model = model.get_booster() if hasattr(model, "get_booster") else model
    return bytes(model.save_raw("ubj"))


def _refusal(wrong: Refused | BoosterError) -> Answer:
    refused = (
        wrong if isinstance(wrong, Refused) else Refused(400, f"Unable to evaluate payload provided: {wrong}")
    )
    return refused.answer()


def chosen() -> Source:
    """Return what the model is to be served with."""
    from sagemaker_xgboost import script

    return handlers.Scripted(script.DEFAULTS) if handlers.has_script() else BuiltInSource()


if __name__ == "__main__":
    sys.exit(main(Chosen(chosen)))
