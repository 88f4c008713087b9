"""Tells whether an estimator answers each row as if it were the only one, so that rows of several requests
can be predicted in one call. evidence/pytorch-batching.md"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ACROSS = {"FunctionTransformer", "IterativeImputer", "LatentDirichletAllocation", "MiniBatchNMF", "NMF"}
"""What runs a user's function over all rows, or iterates until all of them together have settled."""


def by_row(model: Any) -> bool:
    """Tell whether all of a model is scikit-learn's own, with nothing in it that looks from row to row."""
    if "predict" in getattr(model, "__dict__", {}) or not hasattr(model, "get_params"):
        return False
    try:
        return all(map(_known, _parts(model)))
    except Exception:  # what another version saved predicts, but lacks the parameters that came later
        return False


def _parts(model: Any) -> Iterator[Any]:
    yield model
    yield from model.get_params(deep=True).values()
    if chosen := getattr(model, "best_estimator_", None):
        yield from _parts(chosen)


def _known(part: Any) -> bool:
    """Tell it of an estimator, a function, or a plain value."""
    if isinstance(part, list | tuple):
        return all(map(_known, part))
    named = part if callable(part) and hasattr(part, "__name__") else type(part)
    if not callable(part) and not hasattr(part, "get_params"):
        return True
    return str(named.__module__).startswith("sklearn.") and named.__name__ not in ACROSS
