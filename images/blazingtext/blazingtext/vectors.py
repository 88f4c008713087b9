"""Word vectors out of a trained model: the mean of the rows of a word and its subwords, as fastText has it.

The library's own getWordVector gives them at length one, which no other build of fastText does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Vectors:
    """The vectors of one model of words."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._rows: Floats = np.asarray(model.getInputMatrix())  # the model's own memory, not a copy

    @property
    def width(self) -> int:
        """The length of a vector."""
        return int(self._rows.shape[1])

    def of(self, word: str) -> Floats:
        """Return a word's vector; zeros when neither the word nor a part of it was learnt."""
        places = self._model.getSubwords(word, "replace")[1]
        if len(places) == 1:
            alone: Floats = self._rows[places[0]]
            return alone
        if not places:
            return np.zeros(self.width, np.float32)
        mean: Floats = self._rows[places].mean(axis=0)
        return mean

    def words(self) -> list[str]:
        """Return every word learnt, the most frequent first."""
        words: list[str] = self._model.getVocab("replace")[0]
        return words
