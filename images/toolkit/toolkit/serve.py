"""Serves a model: `main(source)` is what every image's `serve` program calls."""

from __future__ import annotations

from toolkit import failure, image
from toolkit.contract import layout
from toolkit.server.master import Ended, Master, settings
from toolkit.server.messages import Source


def main(source: Source) -> int:
    """Serve until SIGTERM, or until the model cannot be served; the reason is left in the failure file."""
    where = layout()
    try:
        image.tell()
        chosen = settings()
        source.prepare()
        Master(chosen, source).run()
    except (failure.UserError, Ended) as wrong:
        failure.fail(where, str(wrong))
        failure.report(f"ERROR: {wrong}")
        return 1
    return 0
