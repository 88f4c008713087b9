"""Images of this machine for `clary image`: `python -m clary.runtime.image_command build|list|rm HOME …`.

Progress goes to standard error, the answer is JSON on standard output, the exit code says whether it worked.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from clary.core.document import Document
from clary.core.settings import Home, Settings
from clary.runtime import engine as engines
from clary.runtime import images, oci, own_images
from clary.runtime.builder import Build, BuildFailed
from clary.runtime.images import ImageFile
from clary.runtime.index import Index, from_pip
from clary.runtime.own_images import InUse, OwnImages


def main(arguments: list[str]) -> int:
    """Do what is asked."""
    verb, home, *rest = arguments
    settings = replace(Settings.from_environment(os.environ), home=Home(Path(home)))
    index = from_pip(os.environ)
    own = own_images.of(settings, index)
    try:
        if verb == "build":
            made = own.build(Path(rest[0]), lambda line: print(line, file=sys.stderr, flush=True))
            answer: object = _row(settings, index, made, own)
        elif verb == "users":
            answer = own.users(rest[0]) if own.find(rest[0]) else None
        elif verb == "rm":
            answer = {"undo": str(own.remove(rest[0], force="--force" in rest))}
        else:
            answer = listed(settings, index, own)
    except (BuildFailed, InUse, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(answer))
    return 0


def listed(settings: Settings, index: Index, own: OwnImages) -> list[Document]:
    """Return every image: the home's own first, then Clary's."""
    found = [_row(settings, index, image, own) for image in images.catalogue((own.folder,))]
    engine = engines.find()
    return found if isinstance(engine, str) else [*found, *map(_stored, oci.listed(engine))]


def _stored(image: Document) -> Document:
    names = image["names"]
    return {
        "name": names[0],
        "source": "OCI",
        "repositories": [name.rpartition(":")[0] for name in names],
        "uri": names[0],
        "programs": {},
        "metrics": [],
        "bytes": image["bytes"],
        "built": image["built"],
        "state": "built",
    }


def _row(settings: Settings, index: Index, image: ImageFile, own: OwnImages) -> Document:
    mine = image.folder.parent == own.folder
    registry = f"{settings.account}.dkr.ecr.{settings.region}.amazonaws.com"
    found: Document = {
        "name": image.name,
        "source": "own" if mine else "built-in",
        "repositories": list(image.repositories),
        "uri": f"{registry}/{image.repositories[0]}:latest",
        "folder": str(image.folder.resolve()),
        "made_from": own.told(image.name).get("source") if mine else None,
        "programs": {name: list(command) for name, command in image.programs.items()},
        "metrics": sorted(image.metrics),
        "bytes": 0,
        "built": None,
    }
    try:
        build = Build(settings.cache, image.key(index))
    except ValueError as error:  # its Python is not here any more
        return {**found, "state": str(error)}
    found |= {"python": image.interpreter().version.split()[0], "environment": str(build.prefix)}
    if not build.ready():
        failed = build.failed.exists()
        return {**found, "state": "its last build failed" if failed else "built on its first use"}
    when = datetime.fromtimestamp((build.prefix / "pyvenv.cfg").stat().st_mtime, UTC)
    size = own_images.size(settings.cache, build.key)
    return {**found, "state": "built", "bytes": size, "built": when.isoformat(timespec="seconds")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
