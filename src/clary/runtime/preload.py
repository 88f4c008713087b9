"""The interpreter of a warm worker: imports ahead, then becomes whatever program it is told to run.

Run inside a sandbox as `python preload.py GO_FD READY_FD MODULE…`, standard library only. One line of JSON on
GO_FD says what to run: `argv`, `environment`, and `module` when the program may run in this very process (its
own interpreter with imports done); otherwise it is executed afresh.
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
    else:
        _execute(order["argv"])


def _become(module: str, argv: list[str]) -> None:
    import runpy

    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[0] = os.getcwd()  # noqa: PTH109 - as `python -m` does
    sys.path[1:1] = [path for path in paths if path and path not in sys.path]
    sys.path_importer_cache.clear()  # directories of the job that were not there yet
    importlib.invalidate_caches()
    sys.argv = argv
    sys.modules.pop(module, None)  # it may be among the imports; it runs as the main program now
    os.environ["TOOLKIT_PRELOADED"] = "1"
    runpy.run_module(module, run_name="__main__", alter_sys=True)


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
