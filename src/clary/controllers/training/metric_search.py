"""Searches logs for the caller's metrics, in a process of its own.

A regular expression can backtrack for longer than anybody lives, and Python holds its one lock all the while.
Here that costs a job one metric; in the controller it would cost every job its controller. The process stays
for the next search, which comes every second while a job prints.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from clary.controllers.training.metrics import Points, every_value
from clary.core.document import Document

LINE_SECONDS = 0.5  # What one expression may take over one line.
LOG_SECONDS = 60.0  # What all of them may take over one search.
MOST_IDLE = 2  # Processes that wait for the next search.

_SOURCES = Path(__file__).resolve().parents[3]
_INTERPRETER = ("-S", "-s", "-P")  # nothing of site-packages: it starts in a moment


@dataclass(frozen=True, kw_only=True)
class Found:
    """The values of each metric; which ones could not be searched for, and why, in words."""

    points: Points
    given_up: tuple[str, ...] = ()
    remark: str = ""


class Searcher:
    """Searches in processes that stay. Any number of threads may search at once; each has its own process."""

    def __init__(self) -> None:
        self._idle: deque[subprocess.Popen[str]] = deque()

    def search(
        self,
        definitions: Sequence[Document],
        events: Iterable[tuple[int, str]],
        patience: float = LOG_SECONDS,
    ) -> Found:
        """Return the values of each metric in the events."""
        wanted = [{"Name": each["Name"], "Regex": each["Regex"]} for each in definitions]
        lines = [json.dumps(wanted), *map(json.dumps, events), ""]
        process = self._process()
        answer = _asked(process, "\n".join(lines) + "\n", patience)
        if not answer:
            _end(process)
            names = tuple(each["Name"] for each in wanted)
            words = f"no metrics: searching the log for them took more than {patience:g} s"
            return Found(points={}, given_up=names, remark=words)
        self._idle.append(process)
        if len(self._idle) > MOST_IDLE and (surplus := self._taken()):
            _end(surplus)
        found = json.loads(answer)
        points = {
            name: [(stamp, value) for stamp, value in values] for name, values in found["Found"].items()
        }
        return Found(points=points, given_up=tuple(found["GivenUp"]), remark=_words(found["GivenUp"]))

    def close(self) -> None:
        """End the processes that wait; a controller that is killed takes them along, as their input ends."""
        while process := self._taken():
            _end(process)

    def _taken(self) -> subprocess.Popen[str] | None:
        """Return a process that waits, if another thread has not taken the last one."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _process(self) -> subprocess.Popen[str]:
        while process := self._taken():
            if process.poll() is None:
                return process
            _end(process)
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, *_INTERPRETER, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(_SOURCES)},
            encoding="utf-8",
            errors="replace",
        )


def main() -> None:
    """Read definitions and events from standard input up to an empty line, answer in one line; and again."""
    signal.signal(signal.SIGALRM, _too_slow)
    while definitions := sys.stdin.readline():
        answer = _searched(json.loads(definitions), map(json.loads, _until_empty()))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _searched(definitions: Sequence[Document], events: Iterable[tuple[int, str]]) -> Document:
    given_up: set[str] = set()

    def matches(name: str, pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
        if name in given_up:
            return iter(())
        signal.setitimer(signal.ITIMER_REAL, LINE_SECONDS)
        try:
            return iter(list(pattern.finditer(text)))
        except TimeoutError:
            given_up.add(name)
            return iter(())
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    found = every_value(definitions, events, matches)
    kept = {name: values for name, values in found.items() if name not in given_up}
    return {"Found": kept, "GivenUp": sorted(given_up)}


def _until_empty() -> Iterator[str]:
    while (line := sys.stdin.readline()).strip():
        yield line


def _asked(process: subprocess.Popen[str], question: str, patience: float) -> str:
    """Return a process's answer; nothing when it does not answer in time, and then it is dead."""
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
    late = threading.Timer(patience, process.kill)
    late.start()
    try:
        process.stdin.write(question)
        process.stdin.flush()
        return process.stdout.readline()
    except BrokenPipeError:
        return ""
    finally:
        late.cancel()


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            try:
                pipe.close()
            except BrokenPipeError:
                continue


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def _words(given_up: Sequence[str]) -> str:
    if not given_up:
        return ""
    return (
        f"no metric {', '.join(given_up)}: the regular expression took more than {LINE_SECONDS:g} s over one "
        "line; write it without nested repetition"
    )


if __name__ == "__main__":
    main()
