"""`python -m plain`: the model server with the script handlers and no framework, for tests of the server
itself."""

from __future__ import annotations

import sys
from typing import Any

from toolkit.handlers import Defaults, Scripted, no_model_fn
from toolkit.serve import main

from toolkit import content


def predict_fn(data: Any, model: Any) -> Any:
    """Call the model."""
    return model(data)


if __name__ == "__main__":
    sys.exit(main(Scripted(Defaults(no_model_fn, content.decode, predict_fn, content.encode))))
