"""Holds time series as few large tensors and cuts out of them what the network is shown."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from forecasting_deepar import frequency
from forecasting_deepar.network import Design
from forecasting_deepar.series import Series

Tensor = Any
Whole = NDArray[np.int64]


class Window(NamedTuple):
    """Some series around a time each: what was, what comes, and what is known of both."""

    lagged: Tensor
    target: Tensor
    observed: Tensor
    times: Tensor
    groups: Tensor
    scale: Tensor


class Windows:
    """Series of one design, ready to be cut at any time; `ahead` values beyond each are still unknown."""

    def __init__(self, found: list[Series], design: Design, ahead: int = 0) -> None:
        self.design, self.lengths = design, np.array([len(one.target) for one in found])
        self._before = max(design.lags) + design.context
        self._values, self._observed, self._origins = self._targets(found, ahead)
        self._times, self._time_origins = self._calendar(found, ahead)
        groups = [one.cat or (0,) for one in found]
        self._groups = torch.tensor(groups, dtype=torch.long).reshape(len(found), -1)

    def cut(self, which: Whole, at: Whole, steps: int) -> Window:
        """Cut series `which` at times `at`: from the second time of the context on, `steps` times beyond."""
        design = self.design
        times = at[:, None] + np.arange(1 - design.context, steps)
        places = torch.from_numpy(self._origins[which][:, None] + times)
        scale = self._scale(which, at)
        lagged = self._values[places.unsqueeze(2) - torch.tensor(design.lags)] / scale.unsqueeze(2)
        calendar = self._times[torch.from_numpy(self._time_origins[which][:, None] + times)]
        return Window(
            lagged, self._values[places], self._observed[places], calendar, self._groups[which], scale
        )

    def history(self, which: Whole, at: Whole) -> Tensor:
        """Return the values before a time, as many as the longest lag needs."""
        places = self._origins[which][:, None] + at[:, None] + np.arange(-max(self.design.lags), 0)
        return self._values[torch.from_numpy(places)]

    def future(self, which: Whole, at: Whole, steps: int) -> Tensor:
        """Return the features of the times from a time on."""
        places = self._time_origins[which][:, None] + at[:, None] + np.arange(steps)
        return self._times[torch.from_numpy(places)]

    def actual(self, which: Whole, at: Whole, steps: int) -> NDArray[np.float64]:
        """Return the values from a time on, NaN where they are missing."""
        places = torch.from_numpy(self._origins[which][:, None] + at[:, None] + np.arange(steps))
        values = self._values[places].double().masked_fill(self._observed[places] == 0, float("nan"))
        found: NDArray[np.float64] = values.numpy()
        return found

    def _scale(self, which: Whole, at: Whole) -> Tensor:
        if not self.design.output.scaled:
            return torch.ones(len(which), 1)
        places = self._origins[which][:, None] + at[:, None] + np.arange(-self.design.context, 0)
        index = torch.from_numpy(places)
        seen = self._observed[index]
        mean = (self._values[index] * seen).abs().sum(1, keepdim=True) / seen.sum(1, keepdim=True).clamp_min(
            1
        )
        return torch.where(mean > 0, mean, torch.full_like(mean, self.design.default_scale))

    def _targets(self, found: list[Series], ahead: int) -> tuple[Tensor, Tensor, Whole]:
        sizes = self._before + self.lengths + ahead
        origins = np.concatenate([[0], np.cumsum(sizes)[:-1]]) + self._before
        values = np.full(int(sizes.sum()), self.design.output.nothing, np.float32)
        observed = np.zeros(len(values), np.float32)
        for one, origin in zip(found, origins, strict=True):
            known = np.isfinite(one.target)
            place = slice(origin, origin + len(one.target))
            values[place] = np.where(known, one.target, self.design.output.nothing)
            observed[place] = known
        return torch.from_numpy(values), torch.from_numpy(observed), origins

    def _calendar(self, found: list[Series], ahead: int) -> tuple[Tensor, Whole]:
        known = frequency.parse(self.design.frequency)
        if known is None:
            raise ValueError(f"{self.design.frequency} is not a frequency")
        sizes = self.design.context + self.lengths + ahead
        origins = np.concatenate([[0], np.cumsum(sizes)[:-1]]) + self.design.context
        table = np.zeros((int(sizes.sum()), self.design.times), np.float32)
        calendar = len(self.design.features)
        for one, origin, size in zip(found, origins, self.lengths + ahead, strict=True):
            rows = table[origin : origin + size]
            rows[:, :calendar] = known.times(one.start, size)
            rows[:, calendar] = np.log10(2.0 + np.arange(size, dtype=np.float32))
            if self.design.dynamic:
                rows[: one.dynamic.shape[1], calendar + 1 :] = one.dynamic[:, :size].T
        return torch.from_numpy(table), origins
