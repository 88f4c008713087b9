"""Which image a URI means, and where its environment is or will be.

An environment image is a folder with an `image.toml`: names, programs, and locked requirements that uv turns
into a virtual environment once, under a key made of everything that could change it. AWS's well-known URIs of
any account, region and tag are aliases of ours.
"""

from __future__ import annotations

import hashlib
import platform
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from clary.runtime import interpreter
from clary.runtime.index import Index
from clary.runtime.interpreter import Interpreter
from clary.runtime.launch import Image

_REGISTRY = re.compile(
    r"^(?:\d{12}\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/)?(?P<repository>[^:@]+)"
    r"(?::(?P<tag>[^@]+))?"
)

_REMEMBERED = 1024  # image files; every look at a job asks for one
_PATHS = {"PYTHONPATH": "/opt/toolkit:/opt/image:/opt/ml/site-packages"}  # where an image says nothing


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """One `image.toml`, read.

    `metrics` are the built-in algorithm's: names and regular expressions. `tags` says which tags of a URI
    (regular expressions) add which variables to the environment. One that is not built `ahead` is built when
    it is first used, though others are fetched beforehand.
    """

    name: str
    folder: Path
    repositories: tuple[str, ...]
    requirements: Path | None = None
    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    warm: tuple[str, ...] = ()
    metrics: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    python: str = ""
    ahead: bool = True

    def interpreter(self) -> Interpreter:
        """Return the Python that the environment stands on; a `NoInterpreter` says how to get it."""
        return interpreter.find(self.python)

    def lock(self) -> str:
        """Return the locked requirements; an image without any has an empty environment."""
        return self.requirements.read_text(encoding="utf-8") if self.requirements else ""

    def key(self, index: Index) -> str:
        """Return what the built environment is found by: everything that its content depends on."""
        python = self.interpreter()
        parts = (
            self.lock(),
            python.version,
            f"{python.base} {platform.system()} {platform.machine()} {' '.join(platform.libc_ver())}",
            index.fingerprint(),
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]

    def image(self, cache: Path, index: Index, tag: str = "") -> Image:
        """Return the image as it is once built; a tag is a label, but its programs may ask for it."""
        key = self.key(index)
        toolkit = self.folder.parent / "toolkit"
        return Image(
            name=self.name,
            key=key,
            prefix=cache / "images" / key,
            base=self.interpreter().base,
            folder=self.folder.resolve(),  # an own image's is a link that the next build moves
            toolkit=toolkit if toolkit.is_dir() else builtin() / "toolkit",
            programs=self.programs,
            environment={**self.environment, **self._of(tag)},
            warm=self.warm,
        )

    def _of(self, tag: str) -> dict[str, str]:
        found = {"TOOLKIT_IMAGE_TAG": tag} if tag else {}
        for pattern, variables in self.tags.items():
            found |= variables if re.match(pattern, tag) else {}
        return found


class UnknownImage(ValueError):
    """No image goes by that URI; the message lists what there is."""


def builtin() -> Path:
    """Return the folder of Clary's own images: in the wheel, or beside `src` in a source tree."""
    package = Path(__file__).resolve().parents[1]
    wheel = package / "_images"
    return wheel if wheel.is_dir() else package.parents[1] / "images"


def catalogue(folders: Sequence[Path] = (), broken: list[str] | None = None) -> Iterator[ImageFile]:
    """Yield every image of the given folders, then Clary's own.

    One that cannot be read keeps nobody from the others; what is wrong with it is added to `broken`.
    """
    for folder in (*folders, builtin()):
        for path in sorted(folder.glob("*/image.toml")):
            try:
                yield read(path)
            except ValueError as error:
                if broken is not None:
                    broken.append(str(error))


def resolve(uri: str, folders: Sequence[Path] = ()) -> ImageFile:
    """Return the image that a URI means; the first folder that has it wins."""
    repository = repository_of(uri)
    known: list[str] = []
    broken: list[str] = []
    for image in catalogue(folders, broken):
        if repository in image.repositories:
            image.interpreter()
            return image
        known += image.repositories
    raise UnknownImage(
        f"There is no image for {uri!r}. Clary has {', '.join(sorted(set(known))) or 'none'}; "
        "any account, region and tag of them will do. Add one with a folder that holds an image.toml: "
        "`clary image build FOLDER`." + "".join(f" {words}." for words in broken)
    )


def repository_of(uri: str) -> str:
    """Return the repository of a URI, without registry, tag and digest."""
    match = _REGISTRY.match(uri)
    return match["repository"] if match else uri


def tag_of(uri: str) -> str:
    """Return the tag of a URI, empty where it has none."""
    match = _REGISTRY.match(uri)
    return (match["tag"] or "") if match else ""


def read(path: Path) -> ImageFile:
    """Read one image.toml, anew once it has changed; a ValueError says what is wrong with it."""
    told = path.stat()
    return _read(path, (told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns))


@lru_cache(_REMEMBERED)
def _read(path: Path, _version: tuple[int, ...]) -> ImageFile:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        name = str(document["name"])
        requirements = document.get("requirements")
        return ImageFile(
            name=name,
            folder=path.parent,
            repositories=tuple(document.get("repositories", [name])),
            requirements=path.parent / requirements if requirements else None,
            programs={key: tuple(command) for key, command in document.get("programs", {}).items()},
            environment=_PATHS | {key: str(value) for key, value in document.get("environment", {}).items()},
            warm=tuple(document.get("warm", {}).get("imports", ())),
            metrics={key: str(value) for key, value in document.get("metrics", {}).items()},
            tags={
                pattern: {key: str(value) for key, value in variables.items()}
                for pattern, variables in document.get("tags", {}).items()
            },
            python=str(document.get("python", "")),
            ahead=bool(document.get("ahead", True)),
        )
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise ValueError(f"{path} is not an image file: {error}") from error
