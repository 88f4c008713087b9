"""A factorization machine of second degree and how Adam fits it: only what a batch names is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Slopes = tuple[float, Floats, Floats]

MODEL = "model_algo-1"
FIRST, SECOND, TINY = 0.9, 0.999, 1e-8


class Machine(NamedTuple):
    """The bias, a weight for every feature, and its factors."""

    bias: Floats
    linear: Floats
    factors: Floats


class Rates(NamedTuple):
    """Three numbers, one for each part of a machine."""

    bias: float
    linear: float
    factors: float


def scores(machine: Machine, rows: Any) -> Floats:
    """Return the score of every row; rows are a csr_matrix or an array."""
    summed = np.asarray(rows @ machine.factors)
    squares = np.asarray(_squared(rows) @ (machine.factors**2))
    pairs = 0.5 * ((summed**2).sum(axis=1) - squares.sum(axis=1))
    found: Floats = (machine.bias[0] + np.asarray(rows @ machine.linear) + pairs).astype(np.float32)
    return found


class Adam:
    """Adam whose moments of a feature move only when a batch has the feature."""

    def __init__(self, machine: Machine, rates: Rates, decays: Rates) -> None:
        self.machine, self._rates, self._decays = machine, rates, decays
        self._first = Machine(*(np.zeros_like(part) for part in machine))
        self._second = Machine(*(np.zeros_like(part) for part in machine))
        self._taken = 0

    def step(self, rows: Any, slope: Floats, clip: float | None, scale: float) -> None:
        """Go down the slope of the loss by the score, for a batch of sparse rows."""
        self._taken += 1
        columns, part = _active(rows)
        factors = self.machine.factors[columns]
        summed = np.asarray(part @ factors)
        transposed = part.T.tocsr()
        linear = np.asarray(transposed @ slope)
        pull = np.asarray(_squared(part).T @ slope)
        pairs = np.asarray(transposed @ (summed * slope[:, None])) - pull[:, None] * factors
        self._move(0, np.array([0]), np.array([slope.sum()], np.float32), clip, scale)
        self._move(1, columns, linear, clip, scale)
        self._move(2, columns, pairs, clip, scale)

    def _move(self, which: int, places: Any, gradient: Any, clip: float | None, scale: float) -> None:
        weights, first, second = self.machine[which], self._first[which], self._second[which]
        gradient = gradient * scale
        if clip is not None:
            gradient = np.clip(gradient, -clip, clip)
        gradient = gradient + self._decays[which] * weights[places]
        first[places] = FIRST * first[places] + (1 - FIRST) * gradient
        second[places] = SECOND * second[places] + (1 - SECOND) * gradient * gradient
        mean = first[places] / (1 - FIRST**self._taken)
        spread = np.sqrt(second[places] / (1 - SECOND**self._taken))
        weights[places] -= self._rates[which] * mean / (spread + TINY)


def save(folder: Path, machine: Machine, kind: str) -> None:
    """Write the machine as numpy arrays."""
    with (folder / MODEL).open("wb") as file:
        np.savez(file, predictor_type=np.array(kind), **machine._asdict())


def load(folder: Path) -> tuple[Machine, str]:
    """Read a machine and whether it is a classifier or a regressor."""
    with np.load(folder / MODEL, allow_pickle=False) as arrays:
        return Machine(*(arrays[name] for name in Machine._fields)), str(arrays["predictor_type"])


def _squared(rows: Any) -> Any:
    return rows**2 if isinstance(rows, np.ndarray) else rows.multiply(rows).tocsr()


def _active(rows: Any) -> tuple[NDArray[np.int64], Any]:
    """Return the features that a batch has, and the batch with only these."""
    from scipy.sparse import csr_matrix

    columns, places = np.unique(rows.indices, return_inverse=True)
    shape = (rows.shape[0], len(columns))
    return columns, csr_matrix((rows.data, places.astype(np.int32), rows.indptr), shape=shape)
