"""A forest of krcf and its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL = "model_algo-1"


def grow(rows: NDArray[np.float32], trees: int, sample: int, seed: int) -> Any:
    """Return a forest that has seen the rows in their order."""
    import krcf

    options: dict[str, Any] = {
        "dimensions": rows.shape[1],
        "shingle_size": 1,
        "num_trees": trees,
        "sample_size": sample,
        "output_after": 1,
        "random_seed": seed,
        "lambda": 0.0,  # every row is as likely to be kept: the rows are a set, not a stream
    }
    forest: Any = krcf.RandomCutForest(options)  # type: ignore[arg-type,unused-ignore]
    for row in rows:
        forest.update(row.tolist())
    return forest


def scores(forest: Any, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the anomaly score of every row."""
    return np.array([forest.score(row) for row in rows.tolist()], np.float64)


def save(folder: Path, forest: Any) -> None:
    """Write a forest as krcf's own MessagePack."""
    (folder / MODEL).write_bytes(forest.to_msgpack())


def load(folder: Path) -> Any:
    """Read a forest."""
    raw = (folder / MODEL).read_bytes()
    import krcf

    return krcf.RandomCutForest.from_msgpack(raw)
