"""Builds the environment of any hashed lock: `python -m clary.runtime.environment LOCK`.

Client environments (an SDK, the AWS CLI) are built and cached as those of images are. Prints what it does,
and the environment's directory as its last line.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from clary.core.settings import Settings
from clary.runtime.builder import Build, BuildFailed, ensure
from clary.runtime.images import ImageFile
from clary.runtime.index import from_pip


def main(arguments: list[str]) -> int:
    """Build one environment; the exit code says whether it is there."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print("usage: python -m clary.runtime.environment LOCK", file=sys.stderr)
        return 2
    lock = Path(arguments[0]).absolute()
    source = ImageFile(
        name=lock.stem,
        folder=lock.parent,
        repositories=(),
        requirements=lock,
        programs={},
        environment={},
        warm=(),
    )
    cache = Settings.from_environment(os.environ).cache
    try:
        image = ensure(source, cache, from_pip(os.environ), lambda line: print(line, flush=True))
    except BuildFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(Build(cache, image.key).prefix)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
