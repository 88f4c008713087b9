"""Says why a run failed, in a sentence with the cause and the way out."""

from __future__ import annotations

import codecs
import re
import signal
from pathlib import Path

from clary.runtime.beneath import read_file
from clary.runtime.cures import cure_of

LONGEST = 1024  # characters of FailureReason
LONGEST_MESSAGE = 1024  # bytes of ExitMessage
NO_TEXT = (
    "ClientError: The file /opt/ml/output/message is not UTF-8 text. Write text to it, or nothing at all"
)
_READ = 64 << 10  # of the log's end
_LONGEST_LINE = 240  # characters of one line in a reason
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BLAMED = ("AlgorithmError: ", "ClientError: ")  # a failure file that says itself whose fault it was
_CODE = ("  ", 'File "')  # lines of a traceback that quote code
_ENDED = re.compile(r"ErrorMessage|\w(Error|Exception|File)\b|by SIG")
_LABEL = "The image's tag "  # how the toolkit begins its line about the version that runs
_LIBRARY = re.compile(r'\s*File "[^"]*/(site-packages|lib/python3[^/"]*)/')
_NO_MEMORY = re.compile(r"MemoryError|Unable to allocate")
_SILENT = 'ErrorMessage ""'  # how training toolkits tell of a script that left its words in the log
_SHELL = "++"  # how a shell that tells what it does begins its lines
_UNSAID = "Training Execution failed. For more details"  # how the job script of SDK 3 tells it


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
    """Return why the program failed and what to do: its own failure file, the memory limit, its traceback,
    or what its end means.
    """
    ending = _ending(code, number)
    if out_of_memory:
        return _fit(
            f"AlgorithmError: OutOfMemoryError: The program used more than the {memory / (1 << 30):.1f} GiB "
            "of its instance type and the kernel killed it. Choose a larger one, or read less at a time",
            ending,
        )
    own, tail = _own(ml), log_tail(log)
    if own:
        said = _with_words(own, tail)
        return _fit(said if said.startswith(_BLAMED) else f"AlgorithmError: {said}", _cure(said, ml) + ending)
    said = traceback_of(tail)
    if not said:
        said = f"The {'server' if serves else 'program'} {_meaning(code, number)}{_last_lines(tail)}"
    return _fit(f"AlgorithmError: {said}", _cure(said, ml, memory) + ending)


def not_ready(*, ml: Path, log: Path, seconds: float, ended: str = "", seen: str = "") -> str:
    """Return why a server is not serving: it ended, or it never answered the health check.

    `seen` is what it does instead, or what it had in the end.
    """
    tail = log_tail(log)
    said = _own(ml) or traceback_of(tail)
    detail = f": {said}" if said else _last_lines(tail)
    if ended:
        seen = f". {seen}" if seen else ""
        text = f"AlgorithmError: The server {ended} before it answered GET /ping with 200{seen}{detail}"
        return _fit(text, _cure(said, ml))
    return _fit(
        f"AlgorithmError: The server did not answer GET /ping with 200 within {seconds:.0f} s"
        f"{': ' if seen else ''}{seen}. Check that it "
        "listens on the unix socket named by SAGEMAKER_BIND_TO_SOCKET and that its model loads in that time, "
        f"or raise ContainerStartupHealthCheckTimeoutInSeconds{detail}",
        "",
    )


def unwell(*, ml: Path, log: Path, seconds: float, heard: str) -> str:
    """Return why a server that was ready was ended."""
    tail = log_tail(log)
    said = _own(ml) or traceback_of(tail)
    text = (
        f"AlgorithmError: The server has not answered GET /ping with 200 for {seconds:.0f} s, and was ended"
    )
    text += f". In the end {heard}"
    return _fit(f"{text}: {said}" if said else f"{text}{_last_lines(tail)}", _cure(said, ml))


def message(ml: Path) -> str:
    """Return the beginning of what a program left in output/message; a ValueError says that it is no text."""
    said = read_file(ml, "output/message", LONGEST_MESSAGE + 1) or b""
    cut = len(said) > LONGEST_MESSAGE
    return codecs.getincrementaldecoder("utf-8")().decode(said[:LONGEST_MESSAGE], final=not cut)


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
        elif line.strip() and len(error) < 8 and not line.startswith(_SHELL):
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
    if own.startswith(_UNSAID):
        return f"{own}\n{words}".rstrip()
    return own.replace(_SILENT, f'ErrorMessage "{words or "none: it printed nothing"}"', 1)


def _cure(said: str, ml: Path, memory: int = 0) -> str:
    """Return a line with the way out of what was said, for the end of a reason."""
    if not _ENDED.search(said):  # a sentence of ours or of the toolkit's, which has its own
        return ""
    plain = "\n".join(line for line in said.splitlines() if not line.startswith(_CODE))
    found = _CONTROLS.sub("?", cure_of(plain, ml)).removesuffix(".")
    if found and memory and _NO_MEMORY.search(plain):
        found += f"; the limit of this one is {memory / (1 << 30):.1f} GiB"
    return f"\nWhat to do: {found}" if found else ""


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
    said = (line.strip() for line in tail.splitlines())
    return [_short(line) for line in said if line and not line.startswith(_LABEL)][-5:]


def _fit(text: str, ending: str) -> str:
    """Fit a reason into its limit: what happened is at its beginning, where it happened at its end."""
    room = LONGEST - len(ending)
    text = _CONTROLS.sub("?", _COLOURS.sub("", text))
    text = text.removesuffix(".") if ending.startswith(",") and not text.endswith("..") else text
    if len(text) > room:
        text = "\n".join(_essential(text))
    if len(text) > room:
        text = "\n".join(map(_short, text.splitlines()))
    if len(text) > room:
        head = room * 2 // 5
        text = f"{text[:head]} … {text[head + 3 - room :]}"
    return text + ending


def _essential(text: str) -> list[str]:
    """Leave out of a long traceback frames of libraries, marks under code, and words said before."""
    kept: list[str] = []
    skipped = ""  # the frame that is left out
    for line in text.splitlines():
        if _LIBRARY.match(line):
            skipped = line
        elif not skipped or _indent(line) <= _indent(skipped):
            skipped = ""
            if len(line) <= _LONGEST_LINE // 2 or not any(line in before for before in kept):
                kept.append(line)
    marks = set("~^ ")
    return [line for line in kept if not line.strip() or not marks.issuperset(line)]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _short(line: str) -> str:
    """Cut the middle out of a line that would leave no room for the others."""
    keep = _LONGEST_LINE // 2
    return line if len(line) <= _LONGEST_LINE else f"{line[:keep]} … {line[-keep:]}"
