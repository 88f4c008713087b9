"""Extracts an archive that a stranger made: nothing lands outside its directory, and it cannot fill the
disk.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

from clary.runtime.beneath import Unsafe, create_file, open_directory, parts, replace

MOST_MEMBERS = 1_000_000
DEEPEST = 64
KEPT_FREE = 256 << 20  # bytes of the disk that an archive may not take
_PIECE = 1 << 20


def unpack(archive: Path, root: Path, target: str, *, stopping: Callable[[], None]) -> None:
    """Extract a tar, compressed or not, into `target` under `root`; raise `Unsafe` for one that must not be.

    Links are made last, so that no file is ever written through one; a link may point only within `target`.
    """
    base = parts(target)
    os.close(open_directory(root, base, create=True))
    room = shutil.disk_usage(root).free - KEPT_FREE
    links: list[tarfile.TarInfo] = []
    try:
        with tarfile.open(archive, "r|*") as members:
            for count, member in enumerate(members):
                stopping()
                if count >= MOST_MEMBERS:
                    raise Unsafe(f"the archive has more than {MOST_MEMBERS} members.")
                room -= max(member.size, 0) if member.isreg() else 0
                if room < 0:
                    raise Unsafe(
                        f"the archive needs more than the {shutil.disk_usage(root).free >> 20} MiB "
                        "that are free on the disk."
                    )
                if member.islnk() or member.issym():
                    links.append(member)
                else:
                    _extract(members, member, root, base)
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise Unsafe(f"it is not a complete tar archive ({error}).") from error
    for link in links:
        _link(link, root, base)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path, base: tuple[str, ...]) -> None:
    names = _names(member)
    if member.isdir():
        os.close(open_directory(root, (*base, *names), create=True))
        return
    if not member.isreg():
        raise Unsafe(f"{member.name!r} is neither a file, a directory nor a link.")
    if not names:
        return
    source = archive.extractfile(member)
    mode = (member.mode & 0o755) | 0o644
    with os.fdopen(create_file(root, "/".join((*base, *names)), mode=mode), "wb") as written:
        while source and (piece := source.read(_PIECE)):
            written.write(piece)


def _link(member: tarfile.TarInfo, root: Path, base: tuple[str, ...]) -> None:
    names = _names(member)
    if not names:
        return
    if member.islnk():
        _copy(root, (*base, *parts(member.linkname)), "/".join((*base, *names)))
        return
    depth = len(names) - 1
    if member.linkname.startswith("/"):
        raise Unsafe(f"the link {member.name!r} points to the absolute path {member.linkname!r}.")
    for part in member.linkname.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            raise Unsafe(f"the link {member.name!r} points out of the archive, to {member.linkname!r}.")
    directory = open_directory(root, (*base, *names[:-1]), create=True)
    try:
        os.symlink(member.linkname, names[-1], dir_fd=directory)
    except FileExistsError:
        replace(directory, names[-1])
        os.symlink(member.linkname, names[-1], dir_fd=directory)
    finally:
        os.close(directory)


def _copy(root: Path, source: tuple[str, ...], target: str) -> None:
    """Stand in for a hard link: two names of one inode would be hard to keep within caps."""
    directory = open_directory(root, source[:-1])
    try:
        handle = os.open(source[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except OSError as error:
        raise Unsafe(f"a link points to {'/'.join(source)!r}, which is not in the archive.") from error
    finally:
        os.close(directory)
    with os.fdopen(handle, "rb") as read:
        if shutil.disk_usage(root).free - KEPT_FREE < os.fstat(read.fileno()).st_size:
            raise Unsafe("its links, which are copied, need more space than the disk has.")
        if "/".join(source) == target:
            return
        mode = os.fstat(read.fileno()).st_mode & 0o755
        with os.fdopen(create_file(root, target, mode=mode), "wb") as written:
            shutil.copyfileobj(read, written, _PIECE)


def _names(member: tarfile.TarInfo) -> tuple[str, ...]:
    names = parts(member.name)
    if len(names) > DEEPEST:
        raise Unsafe(f"{member.name[:80]!r}… is more than {DEEPEST} directories deep.")
    return names
