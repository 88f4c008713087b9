"""Builds image environments, in a process of its own: `python -m clary.runtime.builder FOLDER CACHE`.

The index settings come through standard input, for they may hold a password.
One builder per environment holds a lock file; it builds beside the final place and renames, so an environment
is either whole or absent. Beside it lie `<key>.log` (everything uv said) and, after a failure,
`<key>.failed`.
"""

from __future__ import annotations

import compileall
import fcntl
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clary.runtime.images import ImageFile, read
from clary.runtime.index import Index, decode
from clary.runtime.launch import Image

_TORCH = re.compile(r"^torch==", re.MULTILINE)
_KEPT_LINES = 6


class BuildFailed(Exception):
    """An environment could not be built; the message has uv's last words and the cure."""


@dataclass(frozen=True)
class Build:
    """The files of one environment's build."""

    cache: Path
    key: str

    @property
    def prefix(self) -> Path:
        """Where the environment is once it is whole."""
        return self.cache / "images" / self.key

    @property
    def log(self) -> Path:
        """Everything uv said."""
        return self.prefix.with_suffix(".log")

    @property
    def out(self) -> Path:
        """What the builder itself said."""
        return self.prefix.with_suffix(".out")

    @property
    def failed(self) -> Path:
        """Why the last try failed."""
        return self.prefix.with_suffix(".failed")

    @property
    def lock(self) -> Path:
        """Held by the one process that builds."""
        return self.prefix.with_suffix(".lock")

    def ready(self) -> bool:
        """Tell whether the environment is there."""
        return (self.prefix / "pyvenv.cfg").exists()

    def running(self) -> bool:
        """Tell whether somebody builds it now."""
        try:
            with self.lock.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def last_words(self, lines: int = 1) -> str:
        """Return the end of what uv said."""
        try:
            found = [
                line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()
            ]
        except OSError:
            return ""
        return " | ".join(found[-lines:])


def ensure(
    source: ImageFile, cache: Path, index: Index, tell: Callable[[str], None] = lambda line: None
) -> Image:
    """Return an image whose environment is built, building it now if need be; raise `BuildFailed`."""
    image = source.image(cache, index)
    build = Build(cache, image.key)
    if build.ready():
        return image
    with _locked(build):
        if not build.ready():
            try:
                _build(source, build, index, tell)
            except BuildFailed as error:
                build.failed.write_text(str(error), encoding="utf-8")
                raise
            build.failed.unlink(missing_ok=True)
    return image


def lock_requirements(
    source: ImageFile, cache: Path, index: Index, lock: Path, tell: Callable[[str], None] = lambda line: None
) -> None:
    """Write a hashed lock of everything that an image's requirements need on this machine."""
    if source.requirements is None:
        raise ValueError(f"{source.name} has no requirements.")
    build = Build(cache, f"lock-{source.name}-{os.getpid()}")
    build.prefix.parent.mkdir(parents=True, exist_ok=True)
    compile_ = ["pip", "compile", "--python", source.interpreter().path, "--generate-hashes", "--no-config"]
    compile_ += [
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--no-progress",
    ]
    compile_ += ["--quiet", "-o", str(lock), str(source.requirements)]
    if re.search(r"^torch\b", source.lock(), re.MULTILINE) and not index.has_wheel("torch"):
        compile_ += ["--torch-backend", "cpu"]
    where = index.for_uv()
    try:
        if _run([*compile_, "--offline"], build, tell, where) and _run(compile_, build, tell, where):
            raise BuildFailed(
                f"{source.requirements.name} could not be locked: {build.last_words(_KEPT_LINES)}. Correct "
                "it; without a network, put its packages into a find-links directory of pip's configuration."
            )
    finally:
        build.log.unlink(missing_ok=True)


def main(arguments: Sequence[str]) -> int:
    """Build one image; the exit code says whether it is there."""
    source, cache = read(Path(arguments[0]) / "image.toml"), Path(arguments[1])
    try:
        ensure(source, cache, decode(sys.stdin.read()), print)
    except BuildFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def uv() -> str:
    """Return uv's path: the one installed with Clary, else the system's."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        raise BuildFailed("uv is missing, which builds image environments. Install it with `pip install uv`.")
    return found


def _build(source: ImageFile, build: Build, index: Index, tell: Callable[[str], None]) -> None:
    draft = build.prefix.with_suffix(".tmp")
    shutil.rmtree(draft, ignore_errors=True)
    build.log.unlink(missing_ok=True)
    tell(f"building {source.name}")
    venv = [
        "venv",
        "--python",
        source.interpreter().path,
        "--relocatable",
        "--no-project",
        "--clear",
        str(draft),
    ]
    pip = _pip(draft)
    if _run(venv, build, tell) or (pip and _run(pip, build, tell)):
        raise _failed(source, build)
    install, where = _install(source, draft, index), index.for_uv()
    if install and _run([*install, "--offline"], build, tell, where) and _run(install, build, tell, where):
        shutil.rmtree(draft, ignore_errors=True)
        raise _failed(source, build)
    for folder in (source.folder, source.folder.parent / "toolkit"):
        compileall.compile_dir(folder, quiet=2)  # a sandbox sees them read-only and would compile every time
    draft.rename(build.prefix)
    tell(f"built {source.name}")


def _pip(prefix: Path) -> list[str]:
    """Return how to give a job pip, from the wheel that comes with Python: script mode installs
    requirements.
    """
    bundled = Path(sysconfig.get_path("stdlib")) / "ensurepip" / "_bundled"
    wheels = [
        path for folder in (bundled, Path("/usr/share/python-wheels")) for path in folder.glob("pip-*.whl")
    ]
    into = ["pip", "install", "--python", str(prefix / "bin" / "python"), "--no-config", "--no-deps"]
    return [*into, "--no-index", str(wheels[0])] if wheels else []


def _install(source: ImageFile, prefix: Path, index: Index) -> list[str]:
    lock = source.lock()
    if not source.requirements or not lock.strip():
        return []
    found = [
        "pip",
        "install",
        "--python",
        str(prefix / "bin" / "python"),
        "--no-deps",  # a lock is complete
        # The CPU build of torch has other bytes on every machine, so its line has no hash (images/lock.py).
        "--verify-hashes" if _TORCH.search(lock) else "--require-hashes",
        "--compile-bytecode",
    ]
    found += ["--no-config", "--no-progress", "-r", str(source.requirements)]
    if _TORCH.search(lock) and not index.has_wheel("torch"):
        found += ["--torch-backend", "cpu"]  # the usual index has CUDA's, which is gigabytes
    return found


def _run(
    arguments: list[str], build: Build, tell: Callable[[str], None], where: Mapping[str, str] | None = None
) -> int:
    environment = {**os.environ, **(where or {})}
    cache = Path(environ_cache(environment))
    if not _one_file_system(cache, build.cache):
        environment["UV_CACHE_DIR"] = str(build.cache / "uv")  # hard links need one file system
    with build.log.open("ab") as log:
        log.write(f"$ uv {' '.join(arguments[:2])}\n".encode())
        log.flush()
        process = subprocess.Popen(  # noqa: S603 - uv, with our own arguments
            [uv(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
        )
        shown = ""
        while process.poll() is None:
            time.sleep(0.2)
            if (line := build.last_words()) != shown:
                shown = line
                tell(line)
        return process.returncode


def environ_cache(environment: dict[str, str]) -> str:
    """Return where uv keeps its cache."""
    home = environment.get("HOME", "/")
    return environment.get("UV_CACHE_DIR") or environment.get("XDG_CACHE_HOME", f"{home}/.cache") + "/uv"


def _failed(source: ImageFile, build: Build) -> BuildFailed:
    words = build.last_words(_KEPT_LINES)
    cure = (
        "Its requirements are not locked: `clary image build FOLDER` locks them and builds it"
        if "--require-hashes" in words
        else "Without a network its packages must be in uv's cache or in a find-links directory of pip's "
        "configuration"
    )
    return BuildFailed(
        f"The image {source.name} could not be built: {words}. {cure}; the whole log is {build.log}."
    )


def _one_file_system(one: Path, other: Path) -> bool:
    def device(path: Path) -> int:
        while not path.exists():
            path = path.parent
        return path.stat().st_dev

    return device(one) == device(other)


@contextmanager
def _locked(build: Build) -> Iterator[None]:
    build.prefix.parent.mkdir(parents=True, exist_ok=True)
    with build.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
