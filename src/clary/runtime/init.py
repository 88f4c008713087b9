"""Process 1 inside a sandbox: starts the program, passes signals on, reaps, and reports how it ended.

Run as `python -S -E -I init.py REPORT_FD LINGER -- COMMAND…`, standard library only. It writes `up` to the
report once the program runs and `end STATUS` (the wait status) once it ended; a report that stops without
`end` means that this process was killed. When the program has ended what it left behind gets SIGTERM, and
SIGKILL LINGER seconds later; after a stop the rest keeps the whole grace, because `sh -c program` dies before
its program has saved anything. The grace itself is the shim's: it ends this process, and with it the
namespace.
"""

from __future__ import annotations

import os
import signal
import sys
import time

_PASSED_ON = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # what a shell answers, and docker with it


def main(arguments: list[str]) -> int:
    """Run one command to its end; the exit code says only whether there was a report."""
    report, linger, command = int(arguments[0]), float(arguments[1]), arguments[3:]
    os.set_inheritable(report, False)
    if os.getpid() != 1:
        _adopt_orphans()
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON | {signal.SIGCHLD})
    program = _spawn(command, report)
    if program is None:
        return 0
    os.write(report, b"up\n")
    _watch(program, report, linger)
    return 0


def _spawn(command: list[str], report: int) -> int | None:
    defaults = (signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores both; a program expects them
    try:
        return os.posix_spawnp(
            command[0], command, os.environ, setsid=True, setsigmask=(), setsigdef=defaults
        )
    except OSError as error:
        code = _NOT_EXECUTABLE if isinstance(error, PermissionError) or error.errno == 8 else _NOT_FOUND
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        os.write(report, b"up\nend %d\n" % (code << 8))
        return None


def _watch(program: int, report: int, linger: float) -> None:
    ended = stopping = False
    deadline: float | None = None
    while True:
        timeout = 3600.0 if deadline is None else max(0.0, deadline - time.monotonic())
        got = signal.sigtimedwait(_PASSED_ON | {signal.SIGCHLD}, timeout)
        if got is None and deadline is not None:
            _signal_all(signal.SIGKILL)
            deadline = time.monotonic() + 0.2
        elif got is not None and got.si_signo == signal.SIGQUIT and os.getpid() != 1:  # the shim is gone
            _signal_all(signal.SIGKILL)
        elif got is not None and got.si_signo == signal.SIGTERM:
            stopping = True
            _signal_all(signal.SIGTERM)
        elif got is not None and got.si_signo != signal.SIGCHLD and not ended:
            _signal_group(program, got.si_signo)
        status, empty = _reap(program)
        if status is not None:
            ended = True
            os.write(report, b"end %d\n" % status)
            if not empty and not stopping:
                _signal_all(signal.SIGTERM)
                deadline = time.monotonic() + linger
        if empty:
            return


def _reap(program: int) -> tuple[int | None, bool]:
    """Collect every child that ended; tell the program's status if it is among them, and if none is left."""
    status = None
    while True:
        try:
            pid, code = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status, True
        if pid == 0:
            return status, False
        if pid == program:
            status = code


def _signal_group(program: int, number: int) -> None:
    try:
        os.killpg(program, number)
    except (ProcessLookupError, PermissionError):
        return


def _signal_all(number: int) -> None:
    """Signal everything in the namespace; outside one, every descendant and nothing else."""
    targets = [-1] if os.getpid() == 1 else _descendants()
    for target in targets:
        try:
            os.kill(target, number)
        except (ProcessLookupError, PermissionError):
            continue


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would double the start-up
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123 - as above
                parent = int(stat.read().rpartition(b")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(name))
    found, ahead = [], [os.getpid()]
    while ahead:
        below = children.get(ahead.pop(), [])
        found += below
        ahead += below
    return found


def _adopt_orphans() -> None:
    """Do without a namespace what it gives: collect what double-forks, and end when the shim does."""
    import ctypes

    library = ctypes.CDLL(None)
    library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    library.prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
