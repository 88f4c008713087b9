"""Says why a run failed, in a sentence with the cause and the way out."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from clary.runtime.beneath import read_file

LONGEST = 1024  # characters of FailureReason
_READ = 64 << 10  # of the log's end
_LONGEST_LINE = 240  # characters of one line in a reason
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SILENT = 'ErrorMessage ""'  # how training toolkits tell of a script that left its words in the log


def explain(
    *,
    ml: Path,
    log: Path,
    code: int | None,
    number: int | None,
    out_of_memory: bool,
    memory: int,
    serves: bool,
) -> str:
    """Return why the program failed: its own failure file, the memory limit, its traceback, or what its end
    means.
    """
    own = _own(ml)
    tail = log_tail(log)
    ending = _ending(code, number)
    if out_of_memory:
        return _fit(
            f"AlgorithmError: OutOfMemoryError: The program used more than the {memory / (1 << 30):.1f} GiB "
            "of its instance type and the kernel killed it. Choose a larger one, or read less at a time",
            ending,
        )
    if own:
        return _fit(f"AlgorithmError: {_with_words(own, tail)}", ending)
    if trace := traceback_of(tail):
        if trace.startswith(("MemoryError", "numpy._core._exceptions._ArrayMemoryError")):
            trace += (
                f"\nThe limit of this instance type is {memory / (1 << 30):.1f} GiB; choose a larger one."
            )
        return _fit(f"AlgorithmError: {trace}", ending)
    what = "server" if serves else "program"
    return _fit(f"AlgorithmError: The {what} {_meaning(code, number)}{_last_lines(tail)}", ending)


def not_ready(*, ml: Path, log: Path, seconds: float, ended: str = "") -> str:
    """Return why a server is not serving: it ended, or it never answered the health check."""
    tail = log_tail(log)
    said = _own(ml) or traceback_of(tail)
    detail = f": {said}" if said else _last_lines(tail)
    if ended:
        return _fit(f"AlgorithmError: The server {ended} before it answered GET /ping with 200{detail}", "")
    return _fit(
        f"AlgorithmError: The server did not answer GET /ping with 200 within {seconds:.0f} s. Check that it "
        "listens on the unix socket named by SAGEMAKER_BIND_TO_SOCKET and that its model loads in that time, "
        f"or raise ContainerStartupHealthCheckTimeoutInSeconds{detail}",
        "",
    )


def log_tail(log: Path) -> str:
    """Return the end of a log as text."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _READ))
            return _COLOURS.sub("", file.read().decode(errors="replace"))
    except OSError:
        return ""


def traceback_of(text: str) -> str:
    """Return the last Python traceback's error and its last frames, or nothing."""
    start = text.rfind("Traceback (most recent call last):")
    if start < 0:
        return ""
    frames: list[str] = []
    error: list[str] = []
    for line in text[start:].splitlines()[1:]:
        if line.startswith((" ", "\t")) and not error:
            frames.append(line.rstrip())
        elif line.strip() and len(error) < 8:
            error.append(line.rstrip())
        elif error:
            break
    if not error:
        return ""
    pointers = set("~^ ")  # the line under a frame that marks a place in it
    shown = [line.strip() for line in frames if not pointers.issuperset(line)]
    return "\n".join([*error[:4], *shown[-6:]])


def _own(ml: Path) -> str:
    return (read_file(ml, "output/failure", _READ) or b"").decode(errors="replace").strip()


def _with_words(own: str, tail: str) -> str:
    """Give a failure file without words those that the program printed last."""
    words = traceback_of(tail) or " | ".join(_last(tail))
    return own.replace(_SILENT, f'ErrorMessage "{words or "none: it printed nothing"}"', 1)


def _meaning(code: int | None, number: int | None) -> str:
    if number == signal.SIGKILL:
        return (
            "was killed by SIGKILL from outside: by somebody, or because the whole machine ran out of memory"
        )
    if number is not None:
        name = signal.Signals(number).name if number in signal.valid_signals() else f"signal {number}"
        why = {
            "SIGSEGV": " (a crash in native code)",
            "SIGABRT": " (an abort in native code)",
            "SIGILL": " (an instruction this CPU does not have)",
            "SIGBUS": " (a memory-mapped file that shrank, or a full /dev/shm)",
            "SIGTERM": " (it was asked to stop)",
        }
        return f"was ended by {name}{why.get(name, '')}"
    if code == 0:
        return "ended by itself, and a server has to stay"
    if code == 127:
        return "was not found: check the entry point and that the image has it on PATH"
    if code == 126:
        return "could not be executed: make it executable (chmod +x), or name its interpreter"
    return "failed without a traceback; its log has more"


def _ending(code: int | None, number: int | None) -> str:
    if number is not None:
        return f", exit code: {128 + number}"
    return f", exit code: {code}" if code is not None else ""


def _last_lines(tail: str) -> str:
    lines = _last(tail)
    return ". Last lines: " + " | ".join(lines) if lines else ". It printed nothing"


def _last(tail: str) -> list[str]:
    return [_short(line.strip()) for line in tail.splitlines() if line.strip()][-5:]


def _fit(text: str, ending: str) -> str:
    """Fit a reason into its limit: what happened is at its beginning, where it happened at its end."""
    room = LONGEST - len(ending)
    text = _CONTROLS.sub("?", _COLOURS.sub("", text))
    text = text.removesuffix(".") if ending and not text.endswith("..") else text
    if len(text) > room:
        text = "\n".join(_short(line) for line in text.splitlines())
    if len(text) > room:
        head = room * 2 // 5
        text = f"{text[:head]} … {text[head + 3 - room :]}"
    return text + ending


def _short(line: str) -> str:
    """Cut the middle out of a line that would leave no room for the others."""
    keep = _LONGEST_LINE // 2
    return line if len(line) <= _LONGEST_LINE else f"{line[:keep]} … {line[-keep:]}"
