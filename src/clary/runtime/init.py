"""Process 1 inside a sandbox: starts the program, passes signals on, reaps, and reports how it ended.

Run as `python -S -E -I init.py REPORT_FD LINGER -- COMMAND…`, standard library only. It writes `up` to the
report once the program runs and `end STATUS` (the wait status) once it ended; a report that stops without
`end` means that this process was killed. When the program has ended what it left behind gets SIGTERM, and
SIGKILL LINGER seconds later; after a stop the rest keeps the whole grace, because `sh -c program` dies before
its program has saved anything. The grace itself is the shim's: it ends this process, and with it the
namespace.

The other way the report carries orders to start a command beside the program, for somebody who attaches. It
has all the program has, because it is started where the program was. See `clary.runtime.attach`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

_PASSED_ON = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_DEFAULTS = tuple(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})  # whatever was ignored above
_LONGEST_ORDER = 1 << 20
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # what a shell answers, and docker with it


def main(arguments: list[str]) -> int:
    """Run one command to its end; the exit code says only whether there was a report."""
    report, linger, command = int(arguments[0]), float(arguments[1]), arguments[3:]
    os.set_inheritable(report, False)
    if os.getpid() != 1:
        _adopt_orphans()
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON | {signal.SIGCHLD, signal.SIGIO})
    program = _spawn(command, report)
    if program is None:
        return 0
    os.write(report, b"up\n")
    _hear(report)
    _watch(program, report, linger)
    return 0


def _spawn(command: list[str], report: int) -> int | None:
    try:
        return os.posix_spawnp(
            command[0], command, os.environ, setsid=True, setsigmask=(), setsigdef=_DEFAULTS
        )
    except OSError as error:
        code = _NOT_EXECUTABLE if isinstance(error, PermissionError) or error.errno == 8 else _NOT_FOUND
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        os.write(report, b"up\nend %d\n" % (code << 8))
        return None


def _watch(program: int, report: int, linger: float) -> None:
    ended = stopping = False
    deadline: float | None = None
    guests: dict[int, int] = {}
    while True:
        timeout = 3600.0 if deadline is None else max(0.0, deadline - time.monotonic())
        got = signal.sigtimedwait(_PASSED_ON | {signal.SIGCHLD, signal.SIGIO}, timeout)
        if got is None and deadline is not None:
            _signal_all(signal.SIGKILL)
            deadline = time.monotonic() + 0.2
        elif got is not None and got.si_signo == signal.SIGTERM:
            stopping = True
        if got is not None:
            _obey(got.si_signo, 0 if ended else program, report, guests)
        status, empty = _reap(program, guests)
        if status is not None:
            ended = True
            os.write(report, b"end %d\n" % status)
            for guest in guests:
                _signal_group(guest, signal.SIGHUP)  # which a shell obeys that is deaf to SIGTERM
            if not empty and not stopping:
                _signal_all(signal.SIGTERM)
                deadline = time.monotonic() + linger
        if empty:
            return


def _obey(number: int, program: int, report: int, guests: dict[int, int]) -> None:
    """Do what a signal is for: end everything, let somebody in, or pass it on to the program, if it runs."""
    if number == signal.SIGQUIT and os.getpid() != 1:  # the shim is gone
        _signal_all(signal.SIGKILL)
    elif number == signal.SIGTERM:
        _signal_all(signal.SIGTERM)
    elif number == signal.SIGIO and program:
        _let_in(report, program, guests)
    elif number not in (signal.SIGCHLD, signal.SIGIO) and program:
        _signal_group(program, number)


def _reap(program: int, guests: dict[int, int]) -> tuple[int | None, bool]:
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
        if pid in guests:
            _answer(guests.pop(pid), b"end %d\n" % code)


def _hear(report: int) -> None:
    """Have a signal sent whenever an order arrives."""
    fcntl.fcntl(report, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(report, fcntl.F_SETFL, fcntl.fcntl(report, fcntl.F_GETFL) | os.O_ASYNC)


def _let_in(report: int, program: int, guests: dict[int, int]) -> None:
    """Start what the orders ask for; each brings the connection to answer at, and pipes where it has no
    terminal.
    """
    import json
    import socket

    with socket.socket(fileno=os.dup(report)) as channel:
        while order := _next_order(channel):
            data, (caller, *pipes) = order
            try:
                guest, master = _start_guest(json.loads(data), program, pipes)
            except (OSError, ValueError) as error:
                _answer(caller, f"no cannot run it: {error}\n".encode())
            else:
                guests[guest] = caller
                handed = [master] if master is not None else []
                with socket.socket(fileno=os.dup(caller)) as answer, contextlib.suppress(OSError):
                    socket.send_fds(answer, [b"up\n"], handed)
                pipes += handed
            for descriptor in pipes:
                os.close(descriptor)


def _next_order(channel: socket.socket) -> tuple[bytes, list[int]] | None:
    """Return an order that waits, with the descriptors it brings; nothing when there is none."""
    import array
    import socket

    handed = array.array("i")
    try:
        data, extras, _, _ = channel.recvmsg(
            _LONGEST_ORDER, socket.CMSG_LEN(4 * handed.itemsize), socket.MSG_DONTWAIT
        )
    except OSError:
        return None
    for _, _, descriptors in extras:
        handed.frombytes(descriptors)
    for descriptor in handed:
        os.set_inheritable(descriptor, False)
    return (data, list(handed)) if data and handed else None


def _start_guest(order: dict[str, object], program: int, pipes: list[int]) -> tuple[int, int | None]:
    """Start one command where the program is now; return its pid, and the master of its terminal."""
    command, environment, size = order["command"], order["environment"], order["terminal"]
    assert isinstance(command, list) and isinstance(environment, dict)  # noqa: S101 - our own shim's words
    if not command:
        command = ["/bin/bash"] if os.path.exists("/bin/bash") else ["/bin/sh"]  # noqa: PTH110 - as below
    master = slave = None
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = []
    if isinstance(size, list):
        master, slave = os.openpty()
        import struct
        import termios

        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        actions.append((os.POSIX_SPAWN_OPEN, 0, os.ttyname(slave), os.O_RDWR, 0))  # now the session's own
        actions += [(os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
    else:
        actions += [(os.POSIX_SPAWN_DUP2, pipe, number) for number, pipe in enumerate(pipes)]
    here = os.getcwd()  # noqa: PTH109 - pathlib would double the start-up
    with contextlib.suppress(OSError):
        os.chdir(f"/proc/{program}/cwd")
    try:
        pid = os.posix_spawnp(
            command[0],
            command,
            {**(environment or os.environ), **({"TERM": str(order["term"])} if order["term"] else {})},
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=_DEFAULTS,
        )
    except OSError:
        if master is not None:
            os.close(master)
        raise
    finally:
        os.chdir(here)
        if slave is not None:
            os.close(slave)
    return pid, master


def _answer(caller: int, words: bytes) -> None:
    """Say a last word to whoever attached, who may be gone."""
    with contextlib.suppress(OSError):
        os.write(caller, words)
    os.close(caller)


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
