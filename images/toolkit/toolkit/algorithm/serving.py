"""Answers rows with named columns, in the documented response formats of the built-in algorithms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from toolkit import rows
from toolkit.content import json_bytes
from toolkit.contract import layout
from toolkit.failure import UserError
from toolkit.server.messages import (
    CSV,
    JSON,
    JSON_LINES,
    RECORDIO,
    Answer,
    Model,
    Refused,
    Request,
    negotiate,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
Columns = Mapping[str, NDArray[np.generic]]
WRITES = (JSON, JSON_LINES, RECORDIO, CSV)


class Predictor(Protocol):
    """A trained model: it says how wide its rows are and answers them by columns of one entry a row."""

    width: int
    sparse: bool
    root: str
    """The member of a JSON answer that has the predictions."""

    def predict(self, features: Floats | csr_matrix, accept: str) -> Columns:
        """Answer every row."""
        ...


class Rows:
    """A predictor behind /invocations; dense requests of one turn that accept the same are one call."""

    together = True

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer every request; a bad one is refused alone."""
        answers: dict[int, Answer] = {}
        groups: dict[str, list[tuple[int, str, Floats]]] = {}
        for number, request in enumerate(requests):
            try:
                media = negotiate(request.accept, WRITES, JSON)
                features = self._fit(rows.read(request))
                if isinstance(features, np.ndarray):
                    groups.setdefault(request.accept, []).append((number, media, features))
                else:
                    columns = self._predictor.predict(features, request.accept)
                    answers[number] = self._write(columns, media)
            except Refused as wrong:
                answers[number] = wrong.answer()
        for accept, group in groups.items():
            self._answer_dense(answers, accept, group)
        return [answers[number] for number in range(len(requests))]

    def _answer_dense(
        self, answers: dict[int, Answer], accept: str, group: list[tuple[int, str, Floats]]
    ) -> None:
        together = np.concatenate([table for _, _, table in group]) if len(group) > 1 else group[0][2]
        try:
            columns = self._predictor.predict(together, accept)
        except Refused as wrong:
            if len(group) > 1:  # one of them is at fault: ask for each alone
                for one in group:
                    self._answer_dense(answers, accept, [one])
            else:
                answers[group[0][0]] = wrong.answer()
            return
        start = 0
        for number, media, table in group:
            part = {name: column[start : start + len(table)] for name, column in columns.items()}
            answers[number] = self._write(part, media)
            start += len(table)

    def _fit(self, features: Floats | csr_matrix) -> Floats | csr_matrix:
        given, width = int(features.shape[1]), self._predictor.width
        dense = isinstance(features, np.ndarray)
        if given > width or (dense and given != width):
            raise Refused(400, f"The rows have {given} features; the model was trained on {width}.")
        if isinstance(features, np.ndarray):
            return features
        if given < width:
            features.resize((features.shape[0], width))
        return features if self._predictor.sparse else features.toarray()

    def _write(self, columns: Columns, media: str) -> Answer:
        return Answer(200, media, write(columns, media, self._predictor.root))


class Artefact:
    """The model that a training left in /opt/ml/model, read by the algorithm's `load`."""

    def __init__(self, load: Callable[[Path], Predictor]) -> None:
        self._load = load

    def prepare(self) -> None:
        """Nothing to fetch."""

    def load(self) -> Model:
        """Load it, or say what is not there."""
        folder = layout().model
        try:
            return Rows(self._load(folder))
        except FileNotFoundError as wrong:
            raise UserError(
                f"There is no model: {wrong.filename} is missing. It must be what a training of this "
                f"algorithm left."
            ) from wrong


def write(columns: Columns, media: str, root: str) -> bytes:
    """Write columns as one prediction a row."""
    if media == RECORDIO:
        from toolkit import recordio

        count = len(next(iter(columns.values())))
        return b"".join(
            recordio.record({}, {name: np.atleast_1d(column[row]) for name, column in columns.items()})
            for row in range(count)
        )
    lists = [column.tolist() for column in columns.values()]
    if media == CSV:
        return "".join(",".join(map(_field, row)) + "\n" for row in zip(*lists, strict=True)).encode()
    named = [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]
    if media == JSON:
        return json_bytes({root: named})
    return b"".join(json_bytes(one) + b"\n" for one in named)


def _field(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
