"""The driver of a transform as its run's shim sees it: a process of ours beside the container (ADR 15)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from clary.runtime.jobdir import JobDirectory
from clary.runtime.sandbox import INTERPRETER

DONE = "done"
_LOST = "InternalServerError: The process that sends the requests ended without a word"


class Driver:
    """Starts the driver, and reads its last words: `done`, or why not."""

    def __init__(self, job: JobDirectory, socket: Path) -> None:
        self.heard = False
        self.words = -1
        self._ended = False
        self._job, self._socket = job, socket
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        """Start it; return the descriptor that is readable at its end."""
        with (self._job.path / "shim.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [
                    *(sys.executable, *INTERPRETER, "-m", "clary.runtime.transform.driving"),
                    *(str(self._job.path), str(self._socket)),
                ],
                env=os.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd="/",
            )
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe, just above
        self.words = self._process.stdout.fileno()
        return self.words

    def hear(self) -> str:
        """Return why a transform failed, or nothing."""
        said = os.read(self.words, 1 << 14).decode(errors="replace").strip()
        self.heard = bool(said)
        told_to = self._ended
        self.end()
        return "" if said == DONE or told_to else said or _LOST

    def end(self) -> None:
        """End it now."""
        self._ended = True
        if self._process:
            self._process.kill()
            self._process.wait()
