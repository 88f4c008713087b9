"""A user's source: fetched from where the SDK put it, unpacked safely, its requirements installed beside
it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from toolkit.contract import Layout
from toolkit.failure import UserError

INSTALL_SECONDS = 1800
INSTALLED = "TOOLKIT_INSTALLED"
"""The variable that names a directory whose requirements this process has from the one that forked it."""


def place(uri: str, target: Path) -> None:
    """Put the source named by `uri` into `target`; a target that already holds source is left as it is."""
    target.mkdir(parents=True, exist_ok=True)
    path = Path(uri.removeprefix("file://"))
    if (not uri.startswith("s3://") and path == target) or any(target.iterdir()):
        return
    if uri.startswith("s3://"):
        from toolkit import s3

        archive = target.with_name(f".{target.name}.tar.gz")
        try:
            s3.download(uri, archive)
            unpack(archive, target, uri)
        finally:
            archive.unlink(missing_ok=True)
    elif path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    elif path.is_file():
        unpack(path, target, uri)
    else:
        raise UserError(
            f"The source {uri} is neither an s3:// address nor a file or directory in this container."
        )


def unpack(archive: Path, target: Path, name: str) -> None:
    """Extract a tar archive; a member that would land outside the target is refused, not followed."""
    import gzip
    import lzma
    import tarfile
    import zlib

    try:
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")
    except tarfile.FilterError as wrong:
        raise UserError(f"The archive {name} was not unpacked: {wrong}.") from wrong
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as wrong:
        raise UserError(
            f"The source {name} is not a tar archive, or not a complete one "
            f"({str(wrong).partition(chr(10))[0].rstrip(':')}). Make it with "
            "`tar czf source.tar.gz -C DIR .` and upload it again."
        ) from wrong


def install(where: Layout, folder: Path, *, package: bool = False) -> None:
    """Install what the source asks for into a writable directory, as the image itself is read-only."""
    if os.environ.get(INSTALLED) == str(folder):
        return
    requirements = folder / "requirements.txt"
    wanted = ["-r", str(requirements)] if requirements.is_file() else []
    wanted += [str(folder)] if package else []
    if not wanted or (not package and not _names_something(requirements)):
        return
    if os.environ.pop("TOOLKIT_PRELOADED", None):
        _afresh()
    _run([*_installer(), "--target", str(where.packages), *wanted], requirements)
    offer(where)


def _afresh() -> None:
    """Start the program over in a new interpreter: what a warm worker imported may be about to change."""
    main = sys.modules["__main__"].__spec__
    if main:
        os.execv(sys.executable, [sys.executable, "-m", main.name, *sys.argv[1:]])  # noqa: S606


def offer(where: Layout) -> None:
    """Let this process and its children import what was installed."""
    packages = str(where.packages)
    if packages not in sys.path:
        sys.path.insert(0, packages)
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if packages not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([packages, *filter(None, paths)])


def _names_something(requirements: Path) -> bool:
    lines = (line.strip() for line in requirements.read_text().splitlines())
    return any(line and not line.startswith("#") for line in lines)


def _installer() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    raise UserError("requirements.txt cannot be installed: this image has neither pip nor uv.")


def _run(command: list[str], requirements: Path) -> None:
    environment = os.environ | {"PIP_ROOT_USER_ACTION": "ignore"}
    environment.pop("PIP_TARGET", None)
    done = subprocess.run(  # noqa: S603 - the command is ours
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INSTALL_SECONDS,
    )
    print(done.stdout, end="", flush=True)
    if done.returncode:
        said = _from_the_error_on(done.stdout.strip().splitlines())
        raise UserError(f"InstallRequirementsError: installing {requirements.name} failed.\n{said}")


def _from_the_error_on(lines: list[str]) -> str:
    """Return what an installer said from its first complaint on: the last one only sums it up."""
    first = next((at for at, line in enumerate(lines) if re.match(r"\W*error:", line, re.IGNORECASE)), -6)
    return "\n".join(line for line in lines[first:] if line.strip())
