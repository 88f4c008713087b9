"""Attaches to a run: `python -m clary.runtime.attach HOME RUN HOST [COMMAND…]`, a command beside its program.

The shim hands the caller's connection on to the container's first process, which starts the command where it
started the program: same namespaces, user, limits, filter of system calls. What it may do the program may do.
With a terminal on both sides the command has one of its own, inside; its master comes back through the
connection. Otherwise three pipes carry what is read and written. The exit code is the command's.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from clary.core.settings import Home
from clary.runtime import control
from clary.runtime.bwrap import own_variables
from clary.runtime.container import Container
from clary.runtime.jobdir import JobDirectory
from clary.runtime.launch import Launch
from clary.runtime.sandbox import variables
from clary.runtime.spec import RunSpec
from clary.runtime.wake import short

NOT_RUNNING = 1
_CHUNK = 1 << 16


class Refused(Exception):
    """Nobody can attach; the message says why."""


def let_in(
    spec: RunSpec, launch: Launch, running: Container, order: bytes, descriptors: Sequence[int]
) -> bytes:
    """Pass an order on to the container, with the program's environment; for the shim."""
    wanted = json.loads(order)
    inside = launch.sandbox == "bwrap"
    wanted["environment"] = variables(spec, launch, base=own_variables(spec)) if inside else {}
    if not running.up:
        return b"no the program has not started yet\n"
    try:
        running.let_in(json.dumps(wanted).encode(), descriptors)
    except OSError as error:
        return f"no {error}\n".encode()
    return b""


def find(home: Home, run: str, host: str) -> JobDirectory:
    """Return the container of one host; `run` names the attempt, or begins the names of its hosts'."""
    hosts: list[str] = []
    for path in sorted(home.jobs.glob(f"{run}*")):
        job = JobDirectory(path)
        if path.name != run and not path.name.startswith(f"{run}-"):
            continue
        with contextlib.suppress(FileNotFoundError):
            spec = job.spec()
            hosts += spec.hosts
            if spec.host == host:
                return job
    known = ", ".join(sorted(set(hosts)))
    raise Refused(
        f"There is no host {host}" + (f"; there are {known}." if known else ": nothing is running.")
    )


def main(arguments: list[str]) -> int:
    """Attach this process's terminal, or its standard streams, to a command in a run."""
    home, run, host, *command = arguments
    try:
        job = find(Home(Path(home)), run, host)
        launch = job.launch()
        if launch is None or job.exit() is not None:
            raise Refused(f"The host {host} is not running.")
        path = launch.sockets / "shim.sock"
        if sys.stdin.isatty() and sys.stdout.isatty():
            return _with_terminal(path, command)
        return _with_pipes(path, command)
    except Refused as refused:
        sys.stderr.write(f"{refused}\n")
        return NOT_RUNNING


def _with_terminal(path: Path, command: Sequence[str]) -> int:
    columns, rows = shutil.get_terminal_size()
    order = {"command": command, "terminal": [rows, columns], "term": os.environ.get("TERM", "")}
    caller = _ordered(path, order, ())
    words, (master, *_), _, _ = _first(caller)
    if not os.isatty(master):
        raise Refused("The container answered with something that is no terminal.")
    with _raw(sys.stdin.fileno(), lambda: _resize(master)):
        _carry(master, {master: sys.stdout.fileno()}, closes=False)
    return _code(caller, words)


def _with_pipes(path: Path, command: Sequence[str]) -> int:
    pipes = [os.pipe() for _ in range(3)]
    (inside_in, to), (out, inside_out), (err, inside_err) = pipes
    order = {"command": command, "terminal": None, "term": ""}
    caller = _ordered(path, order, (inside_in, inside_out, inside_err))
    for descriptor in (inside_in, inside_out, inside_err):
        os.close(descriptor)
    words, _, _, _ = _first(caller)
    _carry(to, {out: sys.stdout.fileno(), err: sys.stderr.fileno()}, closes=True)
    return _code(caller, words)


def _ordered(path: Path, order: Mapping[str, object], pipes: Sequence[int]) -> socket.socket:
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short(path) as name:
            caller.connect(name)
        socket.send_fds(caller, [control.ATTACH + json.dumps(order).encode()], pipes)
    except OSError as error:
        raise Refused(f"The container does not answer: {error}.") from error
    return caller


def _first(caller: socket.socket) -> tuple[bytes, list[int], int, object]:
    """Return the container's first words; anything but `up` is a refusal."""
    answer = socket.recv_fds(caller, _CHUNK, 1)
    if not answer[0].startswith(b"up\n"):
        words = answer[0].removeprefix(b"no ").decode(errors="replace").strip()
        raise Refused(f"Cannot attach: {words or 'the container ended'}.")
    return answer


def _carry(to: int, outputs: dict[int, int], *, closes: bool) -> None:
    """Copy standard input to the command, and what it writes to its other ends, until it writes no more.

    `closes` says that the end of standard input is an end for the command too.
    """
    threading.Thread(target=_feed, args=(to,), kwargs={"closes": closes}, daemon=True).start()
    poller = select.poll()
    for source in outputs:
        poller.register(source, select.POLLIN)
    left = set(outputs)
    while left:
        for source, _ in poller.poll():
            data = _read(source)
            try:
                _write(outputs[source], data)
            except BrokenPipeError:  # nobody reads what it writes
                data = b""
            if not data:
                poller.unregister(source)
                left.discard(source)
                os.close(source)


def _feed(to: int, *, closes: bool) -> None:
    with contextlib.suppress(OSError):  # the command reads no more
        while data := _read(sys.stdin.fileno()):
            _write(to, data)
    if closes:
        os.close(to)


def _read(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK)
    except OSError:  # a terminal whose other side is gone
        return b""


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]


def _code(caller: socket.socket, words: bytes) -> int:
    """Return the command's exit code as a shell would tell it."""
    while b"end " not in words or not words.endswith(b"\n"):
        piece = caller.recv(_CHUNK)
        if not piece:
            raise Refused("The container ended.")
        words += piece
    status = int(words.rpartition(b"end ")[2])
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


@contextlib.contextmanager
def _raw(terminal: int, resized: Callable[[], None]) -> Iterator[None]:
    """Hand every key on as it is, and every change of size; leave the terminal as it was."""
    import termios
    import tty

    before = termios.tcgetattr(terminal)
    signal.signal(signal.SIGWINCH, lambda *_: resized())
    try:
        tty.setraw(terminal, termios.TCSADRAIN)  # what was typed ahead counts
        resized()
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _resize(master: int) -> None:
    import fcntl
    import termios

    size = array.array("H", [0, 0, 0, 0])
    with contextlib.suppress(OSError):
        fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, size)
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *size))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
