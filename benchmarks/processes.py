"""Servers that a benchmark starts: found with all they started by an inherited mark, paused, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_MARK = "CLARY_BENCHMARK_SERVER"
_TICK = os.sysconf("SC_CLK_TCK")
_PATIENCE = 5.0  # seconds to stop


class Marked:
    """A program and everything it starts, in sessions of their own or not."""

    def __init__(
        self, name: str, line: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path
    ) -> None:
        self.mark = f"{name}-{os.getpid()}-{time.monotonic_ns()}"
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - what the benchmark wants to run
                line,
                env={**os.environ, **environment, _MARK: self.mark},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def alive(self) -> bool:
        """Tell whether the program itself still runs."""
        return self.process.poll() is None

    def said(self) -> str:
        """Return the last of what it wrote."""
        return self.log.read_text(errors="replace")[-2000:]

    def processes(self) -> list[int]:
        """Return every process that carries the mark."""
        wanted = f"{_MARK}={self.mark}".encode()
        return [number for number in _numbers() if wanted in _environment(number)]

    def pause(self) -> None:
        """Stop all its processes where they are, so that they take nothing from others."""
        _signal(self.processes(), signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        _signal(self.processes(), signal.SIGCONT)

    def stop(self) -> None:
        """End them all, by force those that do not follow."""
        self.resume()
        if self.alive():
            self.process.terminate()
        until = time.monotonic() + _PATIENCE
        while self.processes() and time.monotonic() < until:
            self.process.poll()
            if not self.alive():
                _signal(self.processes(), signal.SIGTERM)
            time.sleep(0.1)
        _signal(self.processes(), signal.SIGKILL)
        self.process.wait()


def cpu(processes: Iterable[int]) -> float:
    """Return the CPU seconds that these have used, and their children that ended and were waited for."""
    total = 0
    for number in processes:
        with suppress(OSError):
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
    return total / _TICK


def below(number: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for each in _numbers():
        with suppress(OSError):
            parent = int(Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(each)
    found, wanted = [], [number]
    while wanted:
        found.append(wanted.pop())
        wanted += children.get(found[-1], [])
    return found


def _numbers() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _environment(number: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{number}/environ").read_bytes()
    return b""


def _signal(processes: Iterable[int], what: signal.Signals) -> None:
    for number in processes:
        with suppress(ProcessLookupError):
            os.kill(number, what)
