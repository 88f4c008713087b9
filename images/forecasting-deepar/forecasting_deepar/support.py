"""Which values a likelihood can take; apart from the likelihoods, which need PyTorch."""

from __future__ import annotations

import numpy as np
from toolkit.failure import UserError

from forecasting_deepar.series import Series


def supported(name: str, found: list[Series], channel: str) -> list[Series]:
    """Return the series as a likelihood can take them, or say which value it cannot."""
    if name not in ("beta", "negative-binomial"):
        return found
    for number, one in enumerate(found, 1):
        values = one.target[np.isfinite(one.target)]
        wrong = (values < 0) | ((values > 1) if name == "beta" else (values != np.floor(values)))
        if wrong.any():
            wants = "numbers from 0 to 1" if name == "beta" else "whole numbers from 0 on"
            raise UserError(
                f"Series {number} of the {channel} channel has the value {values[wrong.argmax()]:g}; the "
                f"likelihood {name} takes {wants}. Choose another likelihood, student-T for example."
            )
    if name == "beta":  # the ends themselves have no finite density
        return [one._replace(target=one.target.clip(1e-6, 1 - 1e-6)) for one in found]
    return found
