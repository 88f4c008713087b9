"""Searches logs for the caller's metrics, in a process of its own.

A regular expression can backtrack for longer than anybody lives, and Python holds its one lock all the while.
Here that costs a job one metric; in the controller it would cost every job its controller.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from clary.controllers.training.metrics import Points, every_value
from clary.core.document import Document

LINE_SECONDS = 0.5  # What one expression may take over one line.
LOG_SECONDS = 60.0  # What all of them may take over the whole log.

_SOURCES = Path(__file__).resolve().parents[3]
_INTERPRETER = ("-S", "-s", "-P")  # nothing of site-packages: it starts in a moment


def search(
    definitions: Sequence[Document], events: Iterable[tuple[int, str]], patience: float = LOG_SECONDS
) -> tuple[Points, str]:
    """Return the values of each metric, and in words what could not be searched for."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as work:
        work.write(json.dumps([{"Name": each["Name"], "Regex": each["Regex"]} for each in definitions]))
        work.writelines(f"\n{json.dumps(event)}" for event in events)
        work.seek(0)
        line = [sys.executable, *_INTERPRETER, "-m", __name__]
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                line,
                stdin=work,
                stdout=subprocess.PIPE,
                env={"PYTHONPATH": str(_SOURCES)},
                timeout=patience,
                check=True,
            )
        except subprocess.TimeoutExpired:
            return {}, f"no metrics: searching the log for them took more than {patience:g} s"
    found = json.loads(done.stdout)
    points = {name: [(stamp, value) for stamp, value in values] for name, values in found["Found"].items()}
    return points, _words(found["GivenUp"])


def main() -> None:
    """Read definitions and events from standard input, write what was found to standard output."""
    signal.signal(signal.SIGALRM, _too_slow)
    definitions = json.loads(next(sys.stdin))
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

    found = every_value(definitions, map(json.loads, sys.stdin), matches)
    kept = {name: values for name, values in found.items() if name not in given_up}
    sys.stdout.write(json.dumps({"Found": kept, "GivenUp": sorted(given_up)}))


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
