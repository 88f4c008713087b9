"""Which process is meant: a pid together with its start time and the boot it belongs to."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from clary.core.document import Document

_STATE, _PARENT, _START = 0, 1, 19  # fields of /proc/PID/stat after the command's closing parenthesis


@dataclass(frozen=True)
class ProcessId:
    """One process for ever: a pid that was reused has another start time."""

    pid: int
    start: int
    boot: str

    def alive(self) -> bool:
        """Tell whether it still runs; a zombie does not."""
        fields = _stat(self.pid)
        return (
            bool(fields) and int(fields[_START]) == self.start and fields[_STATE] not in "ZX" and _same(self)
        )

    def send(self, number: signal.Signals) -> bool:
        """Signal it, and only it; tell whether it was there."""
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:
            return False
        try:
            if not self.alive():
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def document(self) -> Document:
        """Return it as JSON members."""
        return {"pid": self.pid, "start": self.start, "boot": self.boot}


def identify(pid: int) -> ProcessId | None:
    """Return the identity of a process that runs now."""
    fields = _stat(pid)
    return ProcessId(pid, int(fields[_START]), _boot()) if fields else None


def read(document: Document | None) -> ProcessId | None:
    """Return the identity that `ProcessId.document` wrote."""
    return ProcessId(document["pid"], document["start"], document["boot"]) if document else None


def _same(process: ProcessId) -> bool:
    return process.boot == _boot()


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
