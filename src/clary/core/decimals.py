"""When a text reads as a number: what people write in hyperparameters, not all that Python takes for one."""

from __future__ import annotations

import math
import re

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def decimal(text: str) -> float | None:
    """Return the number that a text is, None for every other text and for one out of range."""
    if not _DECIMAL.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None
