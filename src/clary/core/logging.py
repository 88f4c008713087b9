"""One line per event on standard error, the same in every process of a server."""

from __future__ import annotations

import logging
import sys
import time


def setup(level: str, process: str) -> None:
    """Send everything at `level` and above to standard error, led by UTC time, level and process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # The gateway's audit log already has one line per call.
    logging.getLogger("uvicorn.access").propagate = False
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("botocore").setLevel(logging.WARNING)


class _OneLine(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__(
            f"%(asctime)s.%(msecs)03dZ %(levelname)s {process} %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Fold a traceback into the event's own line, so that a line is an event."""
        return super().format(record).replace("\n", "\\n")
