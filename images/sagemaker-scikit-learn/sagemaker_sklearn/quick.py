"""Predicts a few rows without what scikit-learn does around the arithmetic: checks of parameters, data and
array libraries that take a hundred times as long, and a pool of threads for each call of a forest.

Only for estimators whose methods are the very ones written down here, for finite tables of the right width;
anything else goes to the estimator. The first predictions are made both ways and must be equal to the last
bit, or else the estimator is asked from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from toolkit.failure import report

PROOFS = 16
MOST_ROWS = 256
"""More rows cost so much themselves that nothing is won, and a forest may share them among threads."""
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

Array = Any
Compute = Callable[[Array], Array]


class Predictor:
    """An estimator's predict, made quickly where it can be."""

    def __init__(self, model: Any) -> None:
        self._model, self._proofs = model, PROOFS
        try:
            self._quick, self._width = _written_down(model), model.n_features_in_
        except Exception:  # not fitted, or saved by another version: the estimator knows what to do
            self._quick, self._width = None, 0

    def __call__(self, data: Any) -> Any:
        """Predict."""
        if self._quick is None or not self._fits(data):
            return self._model.predict(data)
        try:
            found = self._quick(data)
        except Exception:  # the estimator words what is wrong with it
            found = None
        if found is None:
            return self._model.predict(data)
        return self._proved(data, found) if self._proofs else found

    def _fits(self, data: Any) -> bool:
        return (
            isinstance(data, np.ndarray)
            and data.ndim == 2
            and data.dtype in FLOATS
            and data.shape[1] == self._width
            and 0 < len(data) <= MOST_ROWS
            and bool(np.isfinite(data).all())
        )

    def _proved(self, data: Array, found: Array) -> Any:
        own = self._model.predict(data)
        self._proofs -= 1
        if found.dtype != own.dtype or not np.array_equal(found, own):
            self._quick = None
            report(f"{type(self._model).__name__}: predictions are scikit-learn's own from now on.")
        return own


def _written_down(model: Any) -> Compute | None:
    """Return the arithmetic of an estimator, None when it is not one of those below."""
    from sklearn.pipeline import Pipeline

    if "predict" in getattr(model, "__dict__", {}):
        return None
    if type(model) is not Pipeline:
        return _final(model)
    steps = [step for _, step in model.steps[:-1] if step not in (None, "passthrough")]
    before, last = [_transformer(step) for step in steps], _final(model.steps[-1][1])
    if last is None or None in before or model.transform_input is not None:
        return None
    return _chain([step for step in before if step], last)


def _chain(before: list[Compute], last: Compute) -> Compute:
    def compute(table: Array) -> Array:
        for step in before:
            table = step(table)
        return last(table) if np.isfinite(table).all() else None

    return compute


def _transformer(step: Any) -> Compute | None:
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    if type(step) is StandardScaler:
        return lambda table: _standard(step, table)
    if type(step) is MinMaxScaler and not step.clip:
        return lambda table: _between(step, table)
    return None


def _standard(step: Any, table: Array) -> Array:
    if step.with_mean:
        table = table - step.mean_.astype(table.dtype)
    return table / step.scale_.astype(table.dtype) if step.with_std else table


def _between(step: Any, table: Array) -> Array:
    scaled = (table * step.scale_).astype(table.dtype)  # as an operation in place rounds
    return (scaled + step.min_).astype(table.dtype)


def _final(model: Any) -> Compute | None:
    from sklearn.ensemble._forest import ForestClassifier, ForestRegressor
    from sklearn.linear_model import ElasticNet, Lasso, Ridge
    from sklearn.linear_model._base import LinearClassifierMixin, LinearModel, MultiOutputLinearModel
    from sklearn.tree import BaseDecisionTree

    kind = type(model)
    predict, single = getattr(kind, "predict", None), getattr(model, "n_outputs_", 1) == 1
    if predict is LinearClassifierMixin.predict:
        own = kind.decision_function is LinearClassifierMixin.decision_function
        return (lambda table: _linear_classes(model, table)) if own else None
    if predict in (LinearModel.predict, MultiOutputLinearModel.predict) or kind in (ElasticNet, Lasso, Ridge):
        own = kind._decision_function in (LinearModel._decision_function, ElasticNet._decision_function)
        return (lambda table: _finite(table @ model.coef_.T + model.intercept_)) if own else None
    if predict is BaseDecisionTree.predict and single:
        return lambda table: _tree(model, _singles(table))
    if predict is ForestClassifier.predict and single:
        own = kind.predict_proba is ForestClassifier.predict_proba
        return (lambda table: _forest_classes(model, _singles(table))) if own else None
    if predict is ForestRegressor.predict and single:
        return lambda table: _forest(model, _singles(table))
    return None


def _finite(scores: Array) -> Array | None:
    return scores if np.isfinite(scores).all() else None


def _linear_classes(model: Any, table: Array) -> Array | None:
    scores = _finite(table @ (model.coef_.T if model.coef_.ndim == 2 else model.coef_) + model.intercept_)
    if scores is None:
        return None
    if scores.ndim > 1 and scores.shape[1] == 1:
        scores = scores.reshape(-1)
    places = (scores > 0).astype(np.int64) if scores.ndim == 1 else scores.argmax(axis=1)
    return model.classes_.take(places, axis=0)


def _singles(table: Array) -> Array:
    """Return a table as trees take it; what is no float32 is for the estimator to refuse."""
    single = table.astype(np.float32, copy=False)
    if not np.isfinite(single).all():
        raise ValueError("too large for float32")
    return single


def _tree(model: Any, table: Array) -> Array:
    found = model.tree_.predict(table)
    return model.classes_.take(found.argmax(axis=1), axis=0) if hasattr(model, "classes_") else found[:, 0]


def _forest_classes(model: Any, table: Array) -> Array:
    count = int(model.n_classes_)
    total = np.zeros((len(table), count), dtype=np.float64)
    for tree in model.estimators_:
        total += tree.tree_.predict(table)[:, :count]
    total /= len(model.estimators_)
    return model.classes_.take(total.argmax(axis=1), axis=0)


def _forest(model: Any, table: Array) -> Array:
    total = np.zeros(len(table), dtype=np.float64)
    for tree in model.estimators_:
        total += tree.tree_.predict(table)[:, 0]
    total /= len(model.estimators_)
    return total
