"""How good forecasts are: the documented metrics over the last values of a test channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rmse(mean: Floats, actual: Floats) -> float:
    """Return the root of the mean squared error of the mean forecasts, over what is known."""
    return float(np.sqrt(np.nanmean((mean - actual) ** 2)))


def quantile_loss(forecast: Floats, actual: Floats, quantile: float) -> float:
    """Return the sum of the quantile loss over what is known, twice."""
    over = forecast - actual
    return float(2 * np.nansum(np.maximum((1 - quantile) * over, -quantile * over)))
