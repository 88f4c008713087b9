"""`python -m plain`: the model server with the script handlers and no framework, for tests of the server
itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Set
from typing import Any

import numpy as np
from toolkit.handlers import Defaults, Scripted, no_model_fn
from toolkit.serve import main

from toolkit import batching, content


def predict_fn(data: Any, model: Any) -> Any:
    """Call the model."""
    return model(data)


def joining(_model: Any, _own: Set[str]) -> batching.Joining:
    """Join what is sent in arrays, when it is asked for."""
    delay = float(os.environ.get("PLAIN_DELAY_SECONDS", "0"))
    return batching.Arrays(np.ndarray, np.concatenate, batching.limits(1)._replace(delay_seconds=delay))


DEFAULTS = Defaults(no_model_fn, content.decode, predict_fn, content.encode, joining=joining)

if __name__ == "__main__":
    sys.exit(main(Scripted(DEFAULTS)))
