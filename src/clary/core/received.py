"""The body of an answer that may be larger than memory should hold."""

from __future__ import annotations

import contextlib
import shutil
from io import BufferedWriter
from pathlib import Path
from typing import IO


class TooMuch(Exception):
    """More came than is taken."""


class Received:
    """An answer's body: in memory while it is small, in a file of its own from then on; never over `most`."""

    def __init__(self, path: Path, small: int, most: int | None = None) -> None:
        self._path, self._small, self._most = path, small, most
        self._pieces: list[bytes] = []
        self._file: BufferedWriter | None = None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Take in a piece."""
        self.size += len(data)
        if self._most is not None and self.size > self._most:
            raise TooMuch(f"more than {self._most} bytes")
        if self._file is None and self.size <= self._small:
            self._pieces.append(data)
            return
        if self._file is None:
            self._file = self._path.open("wb")
            self._file.writelines(self._pieces)
            self._pieces.clear()
        self._file.write(data)

    @property
    def content(self) -> bytes | None:
        """The body as bytes, None where it lies in a file."""
        if self._file is not None:
            return None
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def file(self) -> Path:
        """Return the file that a large body lies in, complete."""
        assert self._file is not None  # noqa: S101  # asked only where `content` is None
        self._file.close()
        return self._path

    def start(self, most: int) -> bytes:
        """Return the first bytes."""
        if (content := self.content) is not None:
            return content[:most]
        with self.file().open("rb") as file:
            return file.read(most)

    def end(self) -> bytes:
        """Return the last byte, if there is one."""
        if (content := self.content) is not None:
            return content[-1:]
        with self.file().open("rb") as file:
            file.seek(-1, 2)
            return file.read(1)

    def copy(self, to: IO[bytes]) -> None:
        """Write the body to a file."""
        if (content := self.content) is not None:
            to.write(content)
            return
        with self.file().open("rb") as file:
            shutil.copyfileobj(file, to, 1 << 20)

    def discard(self) -> None:
        """Remove the file, if there still is one."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # what the disk had no room for
                self._file.close()
            self._path.unlink(missing_ok=True)
