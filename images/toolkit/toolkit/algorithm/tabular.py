"""What the boosted trees of JumpStart's family share: their channels, how labels tell the problem, and
answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from toolkit import rows, tables
from toolkit.content import json_bytes
from toolkit.contract import layout
from toolkit.environment import Training
from toolkit.failure import UserError
from toolkit.server.messages import CSV, JSON, Answer, Model, Refused, Request, negotiate, unsupported

Floats = NDArray[np.float32]

CATEGORIES = "categorical_index.json"
MANY = 100
"""Whole numbers that are this many different ones are quantities, not classes."""


class Predictor(Protocol):
    """A trained model."""

    width: int
    classifies: bool

    def predict(self, table: Any) -> NDArray[np.float64]:
        """Return the probability of the second class, of every class, or the prediction, of every row."""
        ...


def read(job: Training) -> tuple[Path, Floats, Floats]:
    """Return the training channel's folder, its rows, and rows to watch: given ones, or a fifth."""
    if len(job.hosts) > 1:
        raise UserError(
            f"This job has {len(job.hosts)} hosts; Clary's boosted trees train on one. "
            "Set InstanceCount to 1."
        )
    for name, told in job.channels.items():
        if isinstance(told, dict) and told.get("TrainingInputMode") == "Pipe":
            raise UserError(
                f"The {name} channel is in Pipe mode, which is not supported by this image; use the "
                "input mode File or FastFile."
            )
    names = [name for name in ("train", "training") if (job.where.data / name).is_dir()]
    if not names:
        raise UserError("Missing required channel: train. Give the job an input channel of that name.")
    folder = job.where.data / names[0]
    inner = folder / "train"
    table = _read(inner if inner.is_dir() else folder)
    if table is None:
        raise UserError(f"No data in the training channel: {folder} has no CSV file.")
    apart = job.where.data / "validation"
    held_out = _read(apart if apart.is_dir() else folder / "validation")
    if held_out is None:
        chosen = np.random.default_rng(0).random(len(table)) < 0.2
        chosen[:1], chosen[-1:] = False, True  # neither part may be empty
        return folder, table[~chosen], table[chosen]
    if held_out.shape[1] != table.shape[1]:
        raise UserError(
            f"The validation data has {held_out.shape[1]} columns, the training data {table.shape[1]}; they "
            f"must agree."
        )
    return folder, table, held_out


def objective(labels: Floats) -> str:
    """Tell regression, binary and multiclass by what labels there are."""
    distinct = np.unique(labels)
    if (distinct != np.floor(distinct)).any() or len(distinct) > MANY:
        return "regression"
    return "binary" if len(distinct) == 2 else "multiclass" if len(distinct) > 2 else "regression"


def check_labels(labels: Floats, kind: str) -> None:
    """Refuse labels that are no classes where classes are to be learnt."""
    if kind not in ("binary", "multiclass"):
        return
    wrong = ~np.isin(labels, (0, 1))
    if kind == "multiclass":
        wrong = (labels < 0) | (labels != np.floor(labels))
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(f"The labels of a {kind} objective are 0, 1, …; row {row + 1} has {labels[row]:g}.")


def categories(folder: Path, width: int) -> list[int] | None:
    """Return which features are categories, the first one being 0; None when nothing is said."""
    path = folder / CATEGORIES
    if not path.is_file():
        return None
    try:
        columns = json.loads(path.read_text())["cat_index_list"]
        if not all(isinstance(column, int) and 0 < column < width for column in columns):
            raise ValueError(f"every index must be a whole number from 1 to {width - 1}")
    except (ValueError, KeyError, TypeError) as wrong:
        raise UserError(f'{CATEGORIES} must be like {{"cat_index_list": [1, 3]}}: {wrong}') from wrong
    return [column - 1 for column in columns]


class Boosted:
    """A predictor behind /invocations."""

    together = True

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer every request; a bad one is refused alone."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Answer:
        width = self._predictor.width
        try:
            negotiate(request.accept, (JSON,), JSON)
            if request.media != CSV:
                raise unsupported(request.content_type, (CSV,))
            table = rows.read(request)
            if table.shape[1] != width:
                raise Refused(
                    400, f"The rows have {table.shape[1]} features; the model was trained on {width}."
                )
        except Refused as wrong:
            return wrong.answer()
        found = self._predictor.predict(table)
        return Answer(200, JSON, json_bytes(self._told(found, "verbose" in request.accept)))

    def _told(self, found: NDArray[np.float64], verbose: bool) -> dict[str, Any]:
        if not self._predictor.classifies:
            return {"prediction": found.tolist()}
        each = np.column_stack([1 - found, found]) if found.ndim == 1 else found
        told: dict[str, Any] = {"probabilities": each.tolist()}
        if verbose:
            labels = list(range(each.shape[1]))
            told |= {"labels": labels, "predicted_label": each.argmax(axis=1).tolist()}
        return told


class Source:
    """The file that a training left in /opt/ml/model, read by the algorithm's `load`."""

    def __init__(self, name: str, load: Callable[[Path], Predictor]) -> None:
        self._name, self._load = name, load

    def prepare(self) -> None:
        """Nothing to fetch."""

    def load(self) -> Model:
        """Load it, or say that it is missing."""
        path = layout().model / self._name
        if not path.is_file():
            raise UserError(f"There is no model: {path} is missing. The training must leave it.")
        return Boosted(self._load(path))


def _read(folder: Path) -> Floats | None:
    files = sorted(path for path in tables.files(folder) if path.name != CATEGORIES)
    if not files:
        return None
    table = tables.csv(files)
    if table.shape[1] < 2:
        raise UserError(f"{files[0].name} has one column; the label comes first and features must follow.")
    if not np.isfinite(table[:, 0]).all():
        raise UserError(f"{files[0].name}: a label in the first column is missing or infinite.")
    return table
