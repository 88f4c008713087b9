"""How a program ends: the failure file that becomes the job's FailureReason, and the success marker."""

from __future__ import annotations

import shlex
import signal
import sys
import traceback
from types import TracebackType

from toolkit.contract import Layout


class UserError(Exception):
    """The job asked for something that cannot be done; the message names the cause and the cure."""


def succeed(where: Layout) -> None:
    """Leave the marker that says the program ended well."""
    _write(where, "success", "")


def fail(where: Layout, message: str) -> None:
    """Leave the text that says why the program failed; its beginning and its end reach FailureReason."""
    _write(where, "failure", message)


def describe(command: list[str], code: int, wrong: BaseException | None) -> str:
    """Word the failure of a user's script as AWS's containers do, with the traceback after it."""
    said = _said(code, wrong)
    head = f'ExecuteUserScriptError:\nExitCode {code}\nErrorMessage "{said}"\nCommand "{shlex.join(command)}"'
    if wrong is None or isinstance(wrong, SystemExit):
        return head
    traced = trace(wrong)
    return f"{head}\n\n{traced}" if wrong.__traceback__ else head


def trace(wrong: BaseException) -> str:
    """Format a traceback from the user's first line on, without the toolkit's own frames."""
    theirs = _theirs(wrong.__traceback__)
    if theirs or isinstance(wrong, SyntaxError):  # a file that does not parse has no frame, only a place
        wrong.__traceback__ = theirs
    return "".join(traceback.format_exception(wrong))


def _write(where: Layout, name: str, content: str) -> None:
    try:
        where.output.mkdir(parents=True, exist_ok=True)
        (where.output / name).write_text(content, encoding="utf-8", errors="backslashreplace")
    except OSError as wrong:
        report(f"could not write {where.output / name}: {wrong}")


def report(text: str) -> None:
    """Show text on standard error, after everything that was printed before it."""
    sys.stdout.flush()
    sys.stderr.write(text if text.endswith("\n") else text + "\n")
    sys.stderr.flush()


def _theirs(tb: TracebackType | None) -> TracebackType | None:
    ours = __file__.rpartition("/")[0]
    first = tb
    while first is not None:
        name = first.tb_frame.f_code.co_filename
        if not name.startswith(ours) and not name.startswith("<frozen"):
            return first
        first = first.tb_next
    return None


def _said(code: int, wrong: BaseException | None) -> str:
    """Return the script's own words; none when it only printed them, which the log then has."""
    if isinstance(wrong, SystemExit) and not isinstance(wrong.code, str):
        return ""
    if wrong is None:
        known = code - 128 in signal.valid_signals()
        return f"ended by {signal.Signals(code - 128).name}" if known else ""
    return "".join(traceback.format_exception_only(wrong)).strip()
