"""Builds environments ahead of their first use: `python -m clary.runtime.environment [IMAGE|LOCK ...]`.

An image by its name, a client (an SDK, the AWS CLI) by the path of its hashed lock; without any, every image
that is built ahead. Prints what it does, and each environment's directory as its last line.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from clary.core.settings import Settings
from clary.runtime.builder import Build, BuildFailed, ensure
from clary.runtime.images import ImageFile, UnknownImage, catalogue, resolve
from clary.runtime.index import from_pip


def main(arguments: list[str]) -> int:
    """Build the environments; the exit code says whether all are there."""
    cache, index = Settings.from_environment(os.environ).cache, from_pip(os.environ)
    try:
        ahead = (image for image in catalogue() if image.ahead)
        for source in [_source(name) for name in arguments] or ahead:
            image = ensure(source, cache, index, lambda line: print(line, flush=True))
            print(Build(cache, image.key).prefix, flush=True)
    except (BuildFailed, UnknownImage) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _source(name: str) -> ImageFile:
    lock = Path(name).absolute()
    if not lock.is_file():
        return resolve(name)
    return ImageFile(name=lock.stem, folder=lock.parent, repositories=(), requirements=lock)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
