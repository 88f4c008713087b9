"""How and where one run is started: its reservation, its image and its sandbox, as `launch.json` holds
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clary.core.document import Document
from clary.runtime.engine import Engine, read_engine


@dataclass(frozen=True, kw_only=True)
class Image:
    """An environment image that can be run: its interpreter, its programs and what they find around them.

    `prefix` is the built environment (a virtual environment), `base` the prefix of the interpreter under it;
    `folder` (bound at /opt/image) and `toolkit` (at /opt/toolkit) hold the image's own programs. `warm` names
    modules worth importing ahead.
    """

    name: str
    key: str
    prefix: Path
    base: Path
    folder: Path | None = None
    toolkit: Path | None = None
    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    warm: tuple[str, ...] = ()

    def document(self) -> Document:
        """Return it as JSON members."""
        return {
            "name": self.name,
            "key": self.key,
            "prefix": str(self.prefix),
            "base": str(self.base),
            "folder": str(self.folder) if self.folder else None,
            "toolkit": str(self.toolkit) if self.toolkit else None,
            "programs": {name: list(command) for name, command in self.programs.items()},
            "environment": dict(self.environment),
            "warm": list(self.warm),
        }


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one host of one run may use of a machine. `cpus` are CPU numbers; none means all of them."""

    memory: int
    cpus: tuple[int, ...] = ()
    note: str = ""

    def document(self) -> Document:
        """Return it as JSON members."""
        return {"memory": self.memory, "cpus": list(self.cpus), "note": self.note}


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One reservation with everything its shim needs besides the run's spec.

    `sandbox` is "bwrap", "process" or "oci", `bwrap` that program's path, `engine` who runs an OCI image,
    `sockets` the run's short directory for unix sockets, `wake` the socket that is told of every phase
    change, `mounts` further read-only paths (wheels, say). `warm` asks to leave a warm worker behind.
    """

    image: Image
    share: Share
    sandbox: str
    sockets: Path
    wake: Path
    note: str = ""
    bwrap: Path | None = None
    engine: Engine | None = None
    disable_userns: bool = True
    warm: bool = False
    mounts: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> Document:
        """Return it as JSON members."""
        return {
            "image": self.image.document(),
            "share": self.share.document(),
            "sandbox": self.sandbox,
            "sockets": str(self.sockets),
            "wake": str(self.wake),
            "note": self.note,
            "bwrap": str(self.bwrap) if self.bwrap else None,
            "engine": self.engine.document() if self.engine else None,
            "disable_userns": self.disable_userns,
            "warm": self.warm,
            "mounts": [str(path) for path in self.mounts],
            "environment": dict(self.environment),
        }


def read_image(document: Document) -> Image:
    """Return the image that `Image.document` wrote."""
    folder, toolkit = document["folder"], document["toolkit"]
    return Image(
        name=document["name"],
        key=document["key"],
        prefix=Path(document["prefix"]),
        base=Path(document["base"]),
        folder=Path(folder) if folder else None,
        toolkit=Path(toolkit) if toolkit else None,
        programs={name: tuple(command) for name, command in document["programs"].items()},
        environment=document["environment"],
        warm=tuple(document["warm"]),
    )


def read_launch(document: Document) -> Launch:
    """Return the launch that `Launch.document` wrote."""
    share, bwrap = document["share"], document["bwrap"]
    return Launch(
        image=read_image(document["image"]),
        share=Share(memory=share["memory"], cpus=tuple(share["cpus"]), note=share["note"]),
        sandbox=document["sandbox"],
        sockets=Path(document["sockets"]),
        wake=Path(document["wake"]),
        note=document["note"],
        bwrap=Path(bwrap) if bwrap else None,
        engine=read_engine(document.get("engine")),
        disable_userns=document["disable_userns"],
        warm=document["warm"],
        mounts=tuple(Path(path) for path in document["mounts"]),
        environment=document["environment"],
    )
