"""Runs a user's entry point so that its tracebacks, exit codes and signals are its own.

A Python script runs in this process: SIGTERM reaches its handlers directly and modules that a warm worker has
imported are there already. Anything else runs as a child in its own process group, to which SIGTERM is
passed on.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
import types
from importlib.machinery import SourceFileLoader
from pathlib import Path

from toolkit.failure import UserError, report

SAFE = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")


def check(program: str, folder: Path) -> Path:
    """Return the entry point's path, or say why this name cannot be one."""
    if not SAFE.fullmatch(program) or any(part in (".", "..") for part in program.split("/")):
        raise UserError(
            f"The entry point {program!r} must be a path inside the source directory, of letters, digits "
            f"and '._+-/' "
            "only, for example 'train.py' or 'bin/train.sh'."
        )
    path = folder / program
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"The entry point {program!r} resolves to a place outside the source directory.")
    return path


def is_package(program: str, folder: Path) -> bool:
    """Tell whether the source is a package to install; a shell script beside one is just run.

    Evidence: docs/evidence/sm-environment.md.
    """
    return not program.endswith(".sh") and (folder / "setup.py").is_file()


def run(program: str, folder: Path, arguments: list[str]) -> int:
    """Run the entry point in its directory and return its exit code; a Python script's exception passes
    through."""
    path = check(program, folder)
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    started = {"", str(Path.cwd())} - set(given)  # what `python -m toolkit.train` put there
    sys.path[:] = [str(folder), *(place for place in sys.path if place not in started)]
    os.chdir(folder)
    if is_package(program, folder):
        return _module(program.removesuffix(".py"), arguments)
    if not path.is_file():
        held = ", ".join(sorted(inner.name for inner in folder.iterdir())[:20]) or "nothing"
        raise UserError(
            f"The entry point {program!r} is not in the submitted source, which holds: {held}. Set "
            "entry_point to one of these, or source_dir to the folder that has it."
        )
    if path.suffix == ".py":
        return _script(program, path, arguments)
    return _command(path, [f"./{program}", *arguments])


def command(program: str, folder: Path, arguments: list[str]) -> list[str]:
    """Say what is run, as one would type it."""
    if is_package(program, folder):
        return ["python", "-m", program.removesuffix(".py"), *arguments]
    return ["python", program, *arguments] if program.endswith(".py") else [f"./{program}", *arguments]


def runner(path: Path) -> list[str]:
    """Make an entry point that is not Python executable; return what runs it, a shell by default."""
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return [] if path.read_bytes()[:2] == b"#!" else ["/bin/sh"]


def _script(program: str, path: Path, arguments: list[str]) -> int:
    module = types.ModuleType("__main__")
    loader = SourceFileLoader("__main__", str(path))
    module.__file__, module.__loader__, module.__builtins__ = str(path), loader, __builtins__  # type: ignore[attr-defined]
    module.__spec__ = None
    sys.argv = [program, *arguments]
    sys.modules["__main__"] = module
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 - running the user's script is the point
    return 0


def _module(name: str, arguments: list[str]) -> int:
    import runpy

    sys.argv = [name, *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


def wait_for(words: list[str]) -> int:
    """Run a command in a process group of its own to its end, and pass signals on; return its exit code."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return _followed(subprocess.Popen(words, env=environment, start_new_session=True))  # noqa: S603


def _command(path: Path, words: list[str]) -> int:
    shell = runner(path)
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    try:
        child = subprocess.Popen([*shell, *words], env=environment, start_new_session=True)  # noqa: S603
    except OSError as wrong:
        first = path.read_bytes()[:100].partition(b"\n")[0].decode(errors="replace")
        cure = "Save it with Unix line ends (LF)" if first.endswith("\r") else "Name one that the image has"
        raise UserError(
            f"The entry point {words[0]!r} cannot be started: its first line {first!r} does not name a "
            f"program that is there ({wrong.strerror}). {cure}."
        ) from wrong
    code = _followed(child)
    if code > 0 and b"\r\n" in path.read_bytes():
        report(
            f"{words[0]} has Windows line ends (CR LF), which a shell takes for commands. Save it with LF."
        )
    return code


def _followed(child: subprocess.Popen[bytes]) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: _pass_on(child.pid, got))
    while (code := _waited(child)) is None:
        pass
    while _pass_on(child.pid, 0):  # a shell may die before the program that is saving its checkpoint
        time.sleep(0.05)
    return 128 - code if code < 0 else code


def _waited(child: subprocess.Popen[bytes]) -> int | None:
    # Python runs a signal handler between two steps of its own; a wait without end could hide the signal.
    try:
        return child.wait(0.25)
    except subprocess.TimeoutExpired:
        return None


def _pass_on(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
