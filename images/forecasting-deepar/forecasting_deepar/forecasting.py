"""Draws futures of time series from a trained network, and says what they amount to."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from forecasting_deepar.network import Network
from forecasting_deepar.windows import Windows

Tensor = Any
Futures = NDArray[np.float32]
TOGETHER = 4096
"""How many futures are drawn in one go."""


def futures(network: Network, windows: Windows, at: NDArray[np.int64], samples: int) -> Futures:
    """Draw futures of every series from its time on: an array of series, samples and times."""
    network.training(False)
    some = max(1, TOGETHER // samples)
    with torch.no_grad():
        parts = [
            _draw(network, windows, np.arange(begin, min(begin + some, len(at))), at, samples)
            for begin in range(0, len(at), some)
        ]
    return np.concatenate(parts)


def _draw(
    network: Network, windows: Windows, which: NDArray[np.int64], all_at: NDArray[np.int64], samples: int
) -> Futures:
    design, at = network.design, all_at[which]
    seen = windows.cut(which, at, 1)
    static = network.static(seen.groups, seen.scale)
    raw, state = network.unroll(seen.lagged, static, seen.times)
    raw = [one[:, -1:].repeat_interleave(samples, 0) for one in raw]
    state = tuple(part.repeat_interleave(samples, 1) for part in state)
    scale, static = (one.repeat_interleave(samples, 0) for one in (seen.scale, static))
    times = windows.future(which, at, design.prediction).repeat_interleave(samples, 0)
    past = windows.history(which, at).repeat_interleave(samples, 0) / scale
    longest = past.shape[1]
    known = torch.cat([past, torch.empty(len(past), design.prediction)], dim=1)
    back = torch.tensor(design.lags)
    drawn = design.output.sample(raw, scale)
    for step in range(design.prediction):
        known[:, longest + step] = drawn[:, 0] / scale[:, 0]
        if step + 1 < design.prediction:
            lagged = known[:, longest + step + 1 - back].unsqueeze(1)
            raw, state = network.unroll(lagged, static, times[:, step + 1 : step + 2], state)
            drawn = design.output.sample(raw, scale)
    found: Futures = (known[:, longest:] * scale).reshape(len(which), samples, -1).numpy()
    return found
