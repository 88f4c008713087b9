"""Packs a directory that a job wrote into a tar that depends on its content alone."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
from pathlib import Path
from typing import IO

from clary.runtime.beneath import Unsafe, let_owner, open_directory, parts

DEEPEST = 64  # directories; unpacking takes no more either
UNREAD = "may not be read by Clary and was left out."
"""How a sentence ends about something that was left out and should not have been."""

_BEST_UP_TO = 16 << 20  # bytes packed with zlib's usual level; more is packed with its fastest
_INSIDE = "/opt/ml/"


def pack(root: Path, directory: str, archive: Path, *, always: bool) -> tuple[bool, bool, list[str]]:
    """Write `directory` under `root` as a gzip'd tar; tell whether it was written,
    whether there was nothing in it, and what was left out and why.

    The same files give the same bytes: sorted names, no times, no owners. Links are kept when they stay
    within the directory and left out when they do not; they are never followed.
    """
    left_out: list[str] = []
    names = parts(directory)
    try:
        handle = _opened(root, names)
    except FileNotFoundError:
        handle = None
    except Unsafe as error:
        return False, False, [str(error)]
    entries = sorted(_walk(handle, "", left_out)) if handle is not None else []
    if handle is not None:
        os.close(handle)
    files = [entry for entry in entries if not stat.S_ISDIR(entry[1].st_mode)]
    if not files and not always:
        return False, True, left_out
    total = sum(entry[1].st_size for entry in files)
    draft = archive.with_name(f".{archive.name}")
    with draft.open("wb") as raw:
        with (
            gzip.GzipFile("", "wb", 6 if total <= _BEST_UP_TO else 1, raw, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20) as tar,
        ):
            for name, status in entries:
                _add(tar, root, names, name, status, left_out)
        raw.flush()
        os.fsync(raw.fileno())
    draft.replace(archive)
    return True, not files, left_out


def lay_out(root: Path, directory: str, target: Path, *, always: bool) -> tuple[bool, bool, list[str]]:
    """Link the regular files of `directory` under `root` into one of their own; tell what `pack` tells.

    The program has ended: nobody writes to them any more. Links are left out.
    """
    left_out: list[str] = []
    names = parts(directory)
    try:
        handle = _opened(root, names)
    except FileNotFoundError:
        return False, True, left_out
    except Unsafe as error:
        return False, False, [str(error)]
    entries = sorted(_walk(handle, "", left_out))
    os.close(handle)
    files = [name for name, status in entries if stat.S_ISREG(status.st_mode)]
    left_out += [
        f"{name} is not a file and was left out."
        for name, status in entries
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode)
    ]
    if not files and not always:
        return False, True, left_out
    target.mkdir(exist_ok=True)
    for name in files:
        path = name.split("/")
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        folder = open_directory(root, (*names, *path[:-1]))
        try:
            os.link(path[-1], target / name, src_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            continue
        except PermissionError:
            left_out.append(f"{name} {UNREAD}")
        finally:
            os.close(folder)
    return True, not files, left_out


def _opened(root: Path, names: tuple[str, ...]) -> int:
    """Open a directory that the program may have closed to its owner, or one above it."""
    for depth in range(len(names)):
        above = open_directory(root, names[:depth])
        try:
            let_owner(above, names[depth], os.stat(names[depth], dir_fd=above, follow_symlinks=False))
        finally:
            os.close(above)
    return open_directory(root, names)


def _walk(
    directory: int, prefix: str, left_out: list[str], depth: int = 1
) -> list[tuple[str, os.stat_result]]:
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            let_owner(directory, entry.name, status)
            found.append((prefix + entry.name, status))
            if stat.S_ISDIR(status.st_mode) and depth == DEEPEST:
                left_out.append(f"What is below {DEEPEST} directories was left out: {prefix[:80]}….")
            elif stat.S_ISDIR(status.st_mode):
                try:
                    below = os.open(
                        entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory
                    )
                except PermissionError:
                    left_out.append(f"{prefix}{entry.name} {UNREAD}")
                    continue
                try:
                    found += _walk(below, f"{prefix}{entry.name}/", left_out, depth + 1)
                finally:
                    os.close(below)
    return found


def _add(
    tar: tarfile.TarFile,
    root: Path,
    base: tuple[str, ...],
    name: str,
    status: os.stat_result,
    left_out: list[str],
) -> None:
    member = tarfile.TarInfo(name)
    member.mode = stat.S_IMODE(status.st_mode) & 0o755
    path = (*base, *name.split("/"))
    directory = open_directory(root, path[:-1])
    try:
        if stat.S_ISDIR(status.st_mode):
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
        elif stat.S_ISLNK(status.st_mode):
            target = _within(os.readlink(path[-1], dir_fd=directory), base, name)
            if target is None:
                left_out.append(f"{name} is a link that points out of {'/'.join(base)} and was left out.")
                return
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
        elif stat.S_ISREG(status.st_mode):
            try:
                handle = os.open(path[-1], os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory)
            except PermissionError:
                left_out.append(f"{name} {UNREAD}")
                return
            with os.fdopen(handle, "rb") as file:
                member.size = os.fstat(file.fileno()).st_size
                _write(tar, member, file)
        else:
            left_out.append(f"{name} is not a file and was left out.")
    finally:
        os.close(directory)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, file: IO[bytes]) -> None:
    tar.addfile(member, file)


def _within(target: str, base: tuple[str, ...], name: str) -> str | None:
    """Return a link's target relative to where the link is, or None when it leaves the directory."""
    here = name.split("/")[:-1]
    inside = _INSIDE + "/".join(base) + "/"
    if target.startswith(inside):
        target = "../" * len(here) + target.removeprefix(inside)
    if target.startswith("/"):
        return None
    depth = len(here)
    for part in target.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return None
    return target
