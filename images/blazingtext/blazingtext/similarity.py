"""How well word vectors agree with people: the WordSimilarity-353 test collection."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

SET = "EN-WS-353-ALL.txt"
"""The name that AWS's eval.json gives the whole collection."""

Floats = NDArray[np.float64]


class Result(TypedDict):
    """What eval.json says of one set of pairs; no correlation when fewer than two pairs are known."""

    not_found: int
    spearmans_rho: float | None
    total_pairs: int


def pairs() -> list[tuple[str, str, float]]:
    """Return the pairs of words with their mean score, from 0 to 10."""
    text = resources.files(__package__).joinpath("wordsim353.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return [(first.lower(), second.lower(), float(score)) for first, second, score in rows]


def evaluate(vector: Callable[[str], Floats | None]) -> Result:
    """Correlate the cosine of vectors with the scores; a word without a vector leaves its pairs out."""
    told: list[float] = []
    found: list[float] = []
    everyone = pairs()
    for first, second, score in everyone:
        left, right = vector(first), vector(second)
        if left is None or right is None:
            continue
        length = float(np.linalg.norm(left) * np.linalg.norm(right))
        told.append(score)
        found.append(float(left @ right) / length if length else 0.0)
    rho = spearman(np.array(told), np.array(found))
    return {"not_found": len(everyone) - len(told), "spearmans_rho": rho, "total_pairs": len(everyone)}


def spearman(left: Floats, right: Floats) -> float | None:
    """Return the rank correlation, equal values sharing their ranks' mean; None where there is none."""
    if len(left) < 2:
        return None
    first, second = _ranks(left), _ranks(right)
    first, second = first - first.mean(), second - second.mean()
    spread = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float(first @ second) / spread if spread else None


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[place]
    return ranks
