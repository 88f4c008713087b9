"""The interpreter of a warm worker: imports ahead, then becomes whatever program it is told to run.

Run inside a sandbox as `python preload.py GO_FD READY_FD MODULE…`, standard library only. One line of JSON on
GO_FD says what to run: `argv`, `environment`, and `module` or `script` when the program may run in this very
process (its own interpreter with imports done); otherwise it is executed afresh.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import sys

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_MOST_SOURCES = 200  # files beside a script that are looked through
_CHANGING = (
    rb"\b(?:pip|conda|uv|subprocess|ensurepip|popen|posix_spawn|putenv)\b|\bPIP_|PYTHONPATH"
    rb"|\bos\s*\.\s*(?:system|exec|spawn)|\bsys\s*\.\s*path\s*(?:\.\s*(?:insert|remove|pop)|\[[^]]*\]\s*=|\+?=)"
    rb"|\benviron\s*(?:\.\s*(?:update|setdefault|pop)|\[[^]]*\]\s*=(?!=)|\|?=)"
)
"""What the source of a script speaks of that may import another version than the one imported ahead, or set a
variable that is read at an import."""


def main() -> None:
    """Import, report, wait, become the program. An end of file instead of an order is the end."""
    go, ready, modules = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    os.set_inheritable(go, False)
    os.set_inheritable(ready, False)
    for name in modules:
        with contextlib.suppress(Exception):  # the program will meet it again, and say so itself
            importlib.import_module(name)
    gc.freeze()  # what was imported stays: the program's end need not look through it, which took 0.3 s
    os.write(ready, b"ready\n")
    os.close(ready)
    with os.fdopen(go, "rb") as orders:
        line = orders.readline()
    if not line:
        return
    order = json.loads(line)
    os.environ.clear()
    os.environ.update(order["environment"])
    if order["module"]:
        _become(order["module"], order["argv"])
    elif order["script"] and not tells_apart(order["script"]):
        _run(order["script"], order["argv"])
    else:
        _execute(["python3", *order["argv"]] if order["script"] else order["argv"])


def _become(module: str, argv: list[str]) -> None:
    import runpy

    _look_in(os.getcwd())  # noqa: PTH109 - as `python -m` does
    sys.argv = argv
    sys.modules.pop(module, None)  # it may be among the imports; it runs as the main program now
    os.environ["TOOLKIT_PRELOADED"] = "1"
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _look_in(first: str) -> None:
    """Import from a directory before all others, and from what PYTHONPATH names now."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[0] = first
    sys.path[1:1] = [path for path in paths if path and path not in sys.path]
    sys.path_importer_cache.clear()  # directories of the job that were not there yet
    importlib.invalidate_caches()


def tells_apart(script: str) -> bool:
    """Say whether it could make a difference to a script that modules were imported before it.

    That is so where one beside it has the name of an imported one, where its source or one beside it speaks
    of what brings or finds other versions of packages, and where one cannot be read.
    """
    import re

    here = os.path.dirname(os.path.realpath(script))  # noqa: PTH120 - pathlib is not imported; imports are there
    words = re.compile(_CHANGING)
    sources = [script]
    try:
        if any(name.partition(".")[0] in sys.modules for name in os.listdir(here)):  # noqa: PTH208
            return True
        for folder, _, names in os.walk(here, onerror=_raise):
            sources += [f"{folder}/{name}" for name in names if name.endswith(".py")]
            if len(sources) > _MOST_SOURCES:
                return True
        return any(words.search(_read(source)) for source in sources)
    except OSError:
        return True


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib is not imported
        return file.read()


def _raise(error: OSError) -> None:
    raise error


def _run(script: str, argv: list[str]) -> None:
    """Run a script as the interpreter does: as the main program, with a traceback that begins with it."""
    import types
    from importlib.machinery import SourceFileLoader

    _look_in(os.path.dirname(os.path.realpath(script)))  # noqa: PTH120 - pathlib is not imported
    module, loader = types.ModuleType("__main__"), SourceFileLoader("__main__", script)
    found = {"__file__": script, "__loader__": loader, "__builtins__": __builtins__, "__cached__": None}
    vars(module).update(found)
    sys.argv, sys.modules["__main__"] = argv, module
    try:
        code = compile(loader.get_data(script), script, "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 - running the user's script is the point
    except Exception as error:
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        sys.exit(1)


def _execute(argv: list[str]) -> None:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - the program is what the user asked to run
    except OSError as error:
        code = _NOT_EXECUTABLE if isinstance(error, PermissionError) or error.errno == 8 else _NOT_FOUND
        sys.stderr.write(f"cannot run {argv[0]}: {error.strerror}\n")
        os._exit(code)


if __name__ == "__main__":
    main()
