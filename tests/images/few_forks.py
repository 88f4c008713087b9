"""`python -m few_forks`: `plain` where no process can be had for the forks whose numbers `FAILS` gives."""

from __future__ import annotations

import errno
import os
import runpy
from itertools import count

FAILS = {int(number) for number in os.environ["FAILS"].split(",")}
_fork, _forks = os.fork, count(1)


def fork() -> int:
    """Fork, or say that there is no process to be had."""
    if next(_forks) in FAILS:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return _fork()


if __name__ == "__main__":
    os.fork = fork
    runpy.run_module("plain", run_name="__main__")
