"""A user's own environment images: made from a folder, kept in a home, listed and taken away.

`images/<name>` of a home is a link to `images/.versions/<name>-<time>`, a copy of the folder with its lock.
The copy is made and its environment built before the link is moved, so an image is there whole or as it was.
A version that a run still shows to its program stays until that run has ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clary.core.settings import Home, Settings
from clary.runtime import image_file, images
from clary.runtime.builder import Build, ensure, lock_requirements
from clary.runtime.image_file import FILE, BadImage
from clary.runtime.images import ImageFile
from clary.runtime.index import Index
from clary.runtime.jobdir import JobDirectory
from clary.runtime.removal import remove_tree

_BUILT = ".built.json"
_LOCK = "requirements.txt"
_LEFT_OUT = (".git", "__pycache__", ".venv", ".ipynb_checkpoints", _BUILT)
Tell = Callable[[str], None]


class InUse(Exception):
    """Something still runs on an image; the message names it."""


@dataclass(frozen=True)
class OwnImages:
    """The images of one home."""

    home: Home
    cache: Path
    index: Index

    @property
    def folder(self) -> Path:
        """Where the images of the home are."""
        return self.home.root / "images"

    @property
    def versions(self) -> Path:
        """Where their copies are; no image itself."""
        return self.folder / ".versions"

    @property
    def removed(self) -> Path:
        """Where images go that were taken away, one a name."""
        return self.folder / ".removed"

    def build(self, source: Path, tell: Tell) -> ImageFile:
        """Make or replace the image of a folder; until it is built nothing changes."""
        document = image_file.check(source)
        name = str(document["name"])
        with self._locked():
            self._sweep()
            self._check_names(name, document.get("repositories", [name]))
            draft = self.versions / f".new-{name}-{time.time_ns()}"
            try:
                shutil.copytree(source, draft, ignore=self._left_out)
                made = self._locked_copy(draft, document, tell)
                ensure(made, self.cache, self.index, tell)
                told = {"source": str(source.resolve()), "built": time.time()}
                (draft / _BUILT).write_text(json.dumps(told), encoding="utf-8")
                version = self.versions / f"{name}-{time.time_ns()}"
                draft.rename(version)
            finally:
                remove_tree(draft)
            self._point(name, version)
            self._sweep()
        return images.read(self.folder / name / FILE)

    def find(self, name: str) -> ImageFile | None:
        """Return an image of the home by its name."""
        path = self.folder / name / FILE
        return images.read(path) if "/" not in name and not name.startswith(".") and path.is_file() else None

    def told(self, name: str) -> dict[str, object]:
        """Return what was written down when an image was built."""
        try:
            found: dict[str, object] = json.loads((self.folder / name / _BUILT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found

    def users(self, name: str) -> list[str]:
        """Return the runs that wait for an image or run on it."""
        image = self.find(name)
        found = []
        for path in sorted(self.home.jobs.glob("*/spec.json")):
            job = JobDirectory(path.parent)
            if path.parent.name.startswith(".") or job.exit():
                continue
            with contextlib.suppress(OSError, ValueError):
                if image and images.repository_of(job.spec().image) in image.repositories:
                    found.append(job.uid)
        return found

    def remove(self, name: str, *, force: bool) -> Path:
        """Take an image away; return where it lies until another of its name is removed."""
        with self._locked():
            link = self.folder / name
            if self.find(name) is None:
                raise BadImage(
                    f"There is no own image {name!r}. `clary image list` shows what there is; images that "
                    "come with Clary stay, and an OCI image is removed by its engine (`podman rmi`)."
                )
            if (users := self.users(name)) and not force:
                raise InUse(
                    f"The image {name} is in use by {len(users)} run{'s' * (len(users) > 1)} "
                    f"({', '.join(users[:3])}). Stop the jobs and delete the endpoints that use it, or add "
                    "--force: what runs goes on, but cannot start again."
                )
            trash = self.removed / name
            self.removed.mkdir(exist_ok=True)
            remove_tree(trash)
            shutil.copytree(link, trash)
            if link.is_symlink():
                link.unlink()
            else:  # put there by hand
                remove_tree(link)
            self._sweep()
        return trash

    def _left_out(self, folder: str, names: list[str]) -> set[str]:
        """Name what of a folder is no part of an image; a home inside it has keys, and the copy itself."""
        found = shutil.ignore_patterns(*_LEFT_OUT)(folder, names)
        return found | {name for name in names if (Path(folder) / name).resolve() == self.home.root.resolve()}

    def _locked_copy(self, draft: Path, document: dict[str, object], tell: Tell) -> ImageFile:
        """Lock the copy's requirements, unless they are; return the image that it is."""
        made = images.read(draft / FILE)
        if made.requirements is None or _is_locked(made.requirements.read_text(encoding="utf-8")):
            return made
        asked = made.requirements.relative_to(draft)
        tell(f"locking {asked}")
        lock_requirements(made, self.cache, self.index, draft / f".{_LOCK}", tell)
        if asked.name == _LOCK:
            made.requirements.rename(draft / "requirements.in")
        (draft / f".{_LOCK}").rename(draft / _LOCK)
        text = (draft / FILE).read_text(encoding="utf-8")
        at = image_file.line_of(text, "requirements")
        lines = text.splitlines()
        lines[at - 1] = f'requirements = "{_LOCK}"'
        (draft / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return images.read(draft / FILE)

    def _check_names(self, name: str, repositories: object) -> None:
        wanted = set(repositories) if isinstance(repositories, list) else {name}
        for image in self._all():
            if image.name != name and (taken := sorted(wanted & set(image.repositories))):
                raise BadImage(
                    f"The repository {taken[0]!r} is the image {image.name}'s already. Take another name, or "
                    f"`clary image rm {image.name}` first."
                )

    def _all(self) -> Iterator[ImageFile]:
        for path in sorted(self.folder.glob(f"*/{FILE}")):
            yield images.read(path)

    def _point(self, name: str, version: Path) -> None:
        link, draft = self.folder / name, self.folder / f".link-{name}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(version.relative_to(self.folder))
        if link.is_dir() and not link.is_symlink():  # put there by hand: it becomes the version before
            link.rename(self.versions / f"{name}-0")
        draft.replace(link)

    def _sweep(self) -> None:
        """Delete versions that no image and no run is, and what killed builders left."""
        kept = {link.resolve() for link in self.folder.iterdir() if link.is_symlink()}
        kept |= self._shown()
        for path in self.versions.iterdir():
            if path.resolve() not in kept:
                remove_tree(path)
        for link in self.folder.glob(".link-*"):
            link.unlink(missing_ok=True)

    def _shown(self) -> set[Path]:
        """Return the folders that running containers and warm workers show."""
        found = set()
        for pattern in ("*/launch.json", ".warm/*/launch.json"):
            for path in self.home.jobs.glob(pattern):
                job = JobDirectory(path.parent)
                with contextlib.suppress(OSError, ValueError, KeyError):
                    launch = job.launch()
                    if launch and launch.image.folder and job.exit() is None:
                        found.add(launch.image.folder.resolve())
        return found

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time change the images."""
        self.versions.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def of(settings: Settings, index: Index) -> OwnImages:
    """Return the images of a server's home."""
    return OwnImages(settings.home, settings.cache, index)


def size(cache: Path, key: str) -> int:
    """Return the bytes of a built environment; counted once, then written beside it."""
    build = Build(cache, key)
    note = build.prefix.with_suffix(".size")
    if not build.ready():
        return 0
    try:
        return int(note.read_text())
    except (OSError, ValueError):
        pass
    total = 0
    for folder, _, names in os.walk(build.prefix):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(folder) / name).lstat().st_size
    with contextlib.suppress(OSError):
        note.write_text(str(total))
    return total


def _is_locked(text: str) -> bool:
    """Tell whether every requirement is pinned and hashed, as `--require-hashes` wants it."""
    whole = text.replace("\\\n", " ")
    lines = [line for line in whole.splitlines() if line.strip() and not line.strip().startswith("#")]
    return bool(lines) and all("--hash=" in line and "==" in line for line in lines)
