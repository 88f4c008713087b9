"""Puts features and labels on one scale before training, and takes the scale out of the weights after it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from toolkit.algorithm.channels import Table, dense
from toolkit.algorithm.hyperparameters import Settings

Array = NDArray[np.floating]


class Scale:
    """What is subtracted from a channel's values and what they are divided by."""

    def __init__(self, settings: Settings, table: Table) -> None:
        step = max(1, table.rows // settings.integer("num_point_for_scaler"))
        sample = table.features[::step]
        mean, deviation = _moments(sample)
        self.sparse = not isinstance(table.features, np.ndarray)
        # Sparse rows would become dense, and a model without a bias would get one.
        centre = (
            settings.flag("unbias_data", otherwise=True) and settings.flag("use_bias") and not self.sparse
        )
        self.mean = mean if centre else np.zeros_like(mean)
        normal = settings.flag("normalize_data", otherwise=True)
        self.deviation = np.where(deviation > 0, deviation, 1) if normal else np.ones_like(mean)
        self.label_mean, self.label_deviation = 0.0, 1.0
        if table.labels is not None and settings.text("predictor_type") == "regressor":
            labels = table.labels.astype(np.float64)
            if settings.flag("unbias_label", otherwise=True) and settings.flag("use_bias"):
                self.label_mean = float(labels.mean())
            if settings.flag("normalize_label", otherwise=True):
                self.label_deviation = float(labels.std()) or 1.0

    def features(self, features: Any) -> Any:
        """Return the rows on this scale; dense rows are a copy."""
        if isinstance(features, np.ndarray):
            plain = dense(features)
            plain = plain.copy() if plain is features else plain
            plain -= self.mean.astype(np.float32)
            plain /= self.deviation.astype(np.float32)
            return plain
        scaled = features.astype(np.float32)
        scaled.data /= self.deviation[scaled.indices].astype(np.float32)
        return scaled

    def labels(self, labels: Array) -> Array:
        """Return the labels on this scale."""
        plain: Array = ((labels - self.label_mean) / self.label_deviation).astype(np.float32)
        return plain

    def unscaled(self, weights: Array) -> Array:
        """Return weights for rows as they came."""
        plain = weights.astype(np.float64)
        plain[:-1] /= self.deviation[:, None]
        plain[-1] -= self.mean @ plain[:-1]
        plain *= self.label_deviation
        plain[-1] += self.label_mean
        return plain


def _moments(sample: Any) -> tuple[Array, Array]:
    if isinstance(sample, np.ndarray):
        return sample.mean(axis=0, dtype=np.float64), sample.std(axis=0, dtype=np.float64)
    mean = np.asarray(sample.mean(axis=0, dtype=np.float64)).ravel()
    square = np.asarray(sample.multiply(sample).mean(axis=0, dtype=np.float64)).ravel()
    return mean, np.sqrt(np.maximum(square - mean * mean, 0))
