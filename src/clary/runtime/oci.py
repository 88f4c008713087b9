"""OCI images: which one a URI means in the local engine's store. Nothing is pulled from anywhere.

An environment image of that name comes first. A URI of ECR's form stands for the image of its repository and
tag, whatever account and region it names, so that code written for AWS runs as it is.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from clary.core.document import Document
from clary.runtime import engine as engines
from clary.runtime import images
from clary.runtime.engine import Engine
from clary.runtime.images import ImageFile, UnknownImage
from clary.runtime.launch import Image
from clary.runtime.spec import RunSpec

_FRESH = 2.0  # seconds after which the store is asked again
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
_ECR = re.compile(r"\d{12}\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/(?P<rest>.+)")


@dataclass(frozen=True, kw_only=True)
class OciImage:
    """An image in the engine's store."""

    engine: Engine
    name: str
    id: str

    def image(self) -> Image:
        """Return the image as a launch names it; its own root takes the place of an environment."""
        return Image(name=self.name, key=self.id, prefix=Path("/"), base=Path("/"))

    def refuses(self, spec: RunSpec) -> str:
        """Return why a run cannot be had from this image, or nothing."""
        if len(spec.hosts) > 1:
            return (
                "ClientError: An OCI image runs on one instance so far. Use an InstanceCount of 1, or an "
                "environment image (docs/guide-images.md)."
            )
        return ""


def resolve(uri: str, folders: Sequence[Path]) -> ImageFile | OciImage:
    """Return the image that a URI means; an `UnknownImage` says what there is and what to install."""
    try:
        return images.resolve(uri, folders)
    except UnknownImage as error:
        engine = engines.find()
        if isinstance(engine, str):
            raise UnknownImage(
                f"{error} Images with a root file system of their own need podman or docker: {engine}"
            ) from None
        image = _look_up(uri, int(time.monotonic() / _FRESH))
        if image is None:
            name = (names(uri) or ["NAME"])[-1]
            raise UnknownImage(
                f"{error} {engine.kind} has no image of that name either, and nothing is pulled by itself: "
                f"`{engine.kind} pull {name}`, or `{engine.kind} build --tag {name} .`, then start again."
            ) from None
        return image


@lru_cache(maxsize=64)
def _look_up(uri: str, _moment: int) -> OciImage | None:
    """Return the image that a URI means in the store; a long queue asks for the same one again and again."""
    engine = engines.find()
    if isinstance(engine, str):
        return None
    for name in names(uri):
        if found := engine.inspect("image", name):
            return OciImage(engine=engine, name=name, id=str(found["Id"]))
    return None


def names(uri: str) -> list[str]:
    """Return the names by which an image may lie in a store, the whole URI first."""
    if not _NAME.fullmatch(uri):
        return []
    match = _ECR.fullmatch(uri)
    return [uri, f"localhost/{match['rest']}", match["rest"]] if match else [uri]


def listed(engine: Engine) -> list[Document]:
    """Return the images of a store that have a name: names, size and when they were made."""
    done = engine.call("images", "--format", "json" if engine.kind == "podman" else "{{json .}}")
    if done.returncode or not done.stdout.strip():
        return []
    if engine.kind == "podman":
        rows: list[Document] = json.loads(done.stdout)
        return [
            {"names": row["Names"], "bytes": row["Size"], "built": row["CreatedAt"]}
            for row in rows
            if row.get("Names")
        ]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        {"names": [f"{row['Repository']}:{row['Tag']}"], "bytes": 0, "built": row["CreatedAt"]}
        for row in lines
        if row["Repository"] != "<none>"
    ]
