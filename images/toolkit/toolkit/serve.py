"""Serves a model: `main(source)` is what every image's `serve` program calls."""

from __future__ import annotations

import os
from collections.abc import Callable

from toolkit import failure, image
from toolkit.contract import layout
from toolkit.server.master import Ended, Master, settings
from toolkit.server.messages import Model, Source


class Chosen:
    """A source that is chosen by what the model holds, once the model is there."""

    def __init__(self, choose: Callable[[], Source]) -> None:
        self._choose = choose
        self._source: Source | None = None

    def preload(self) -> None:
        """Import what most models need."""
        if preload := getattr(self._choose(), "preload", None):
            preload()

    def prepare(self) -> None:
        """Choose, and prepare what was chosen."""
        self._source = self._choose()
        self._source.prepare()

    def load(self) -> Model:
        """Load the model."""
        return (self._source or self._choose()).load()


def main(source: Source) -> int:
    """Serve until SIGTERM, or until the model cannot be served; the reason is left in the failure file."""
    where = layout()
    try:
        image.tell()
        chosen = settings()
        if os.environ.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true":
            from toolkit.server.many import Many, workers

            Many(chosen, source, workers()).run()
        else:
            source.prepare()
            Master(chosen, source).run()
    except (failure.UserError, Ended) as wrong:
        failure.fail(where, str(wrong))
        failure.report(f"ERROR: {wrong}")
        return 1
    return 0
