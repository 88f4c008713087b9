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
    elif order["script"] and not _shadows(order["script"]):
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


def _shadows(script: str) -> bool:
    """Tell whether a script cannot be read, or has a module beside it by the name of one that is imported."""
    try:
        beside = os.listdir(os.path.dirname(script))  # noqa: PTH120, PTH208 - pathlib is not imported
        return any(name.partition(".")[0] in sys.modules for name in beside) or not os.access(script, os.R_OK)
    except OSError:
        return True


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
