"""A function's code: a zip that came with the request or lies in S3, looked at without unpacking it.

What is laid out is laid out in the sandbox, where its sizes are counted again. evidence/lambda.md
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.awslambda.functions import invalid
from clary.operations.registry import Call
from clary.store.objects import ObjectInfo

MOST_SENT = 52_428_800
MOST_UNPACKED = 262_144_000
MOST_FILES, LARGEST_LIST = 50_000, 16 << 20  # What of an archive's list of files is read at all.
_END, _END_SIZE = b"PK\x05\x06", 22
_LISTED = b"PK\x01\x02"
_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20
_BROKEN = "Could not unzip uploaded file. Please check your file, then try to upload again."


@dataclass(frozen=True)
class Code:
    """An archive that was looked at."""

    data: bytes

    @property
    def digest(self) -> bytes:
        """The SHA-256 of its bytes."""
        return hashlib.sha256(self.data).digest()

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"{self.digest.hex()}.zip"

    def told(self) -> Document:
        """Return what a function's configuration says of it."""
        return {"CodeSize": len(self.data), "CodeSha256": base64.b64encode(self.digest).decode()}

    def keep(self, folder: Path) -> None:
        """Have it on disk before anybody is told that it is there."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = folder / f".{self.name}-{os.getpid()}"
        with draft.open("wb") as written:
            written.write(self.data)
            os.fsync(written.fileno())
        draft.rename(folder / self.name)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read(call: Call, source: Document) -> Code:
    """Return the code that a request brings or names."""
    if source.get("ImageUri"):
        raise invalid("Container images are not run as functions here: send ZipFile, or name an S3 object.")
    if source.get("SourceKMSKeyArn"):
        raise invalid("SourceKMSKeyArn is not supported: code is not encrypted by a key of one's own here.")
    by_object = bool(source.get("S3Bucket") and source.get("S3Key"))
    if ("ZipFile" in source) == by_object:
        raise invalid("Please provide a source for function code.")
    data = bytes(source["ZipFile"]) if "ZipFile" in source else _object(call, source)
    if len(data) > MOST_SENT and not by_object:
        raise invalid(f"The zip has {len(data)} bytes; at most {MOST_SENT} are taken. Name an S3 object.")
    _look(data)
    return Code(data)


def _object(call: Call, source: Document) -> bytes:
    bucket, key, version = source["S3Bucket"], source["S3Key"], source.get("S3ObjectVersion")
    if call.objects.find_bucket(bucket) is None:
        raise invalid(
            "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified "
            "bucket does not exist"
        )
    found = _found(call, bucket, key, version)
    if found is None:
        raise invalid(
            "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key "
            "does not exist."
        )
    if found.size > MOST_UNPACKED:
        raise invalid(f"The object has {found.size} bytes; a function's code has at most {MOST_UNPACKED}.")
    return found.path.read_bytes()


def _found(call: Call, bucket: str, key: str, version: str | None) -> ObjectInfo | None:
    if version is None:
        return call.objects.find(bucket, key)
    try:
        return call.objects.get(bucket, key, version)
    except ApiError:
        return None


def _look(data: bytes) -> None:
    """Refuse what is no zip, or what would be too large or lie outside once it is laid out."""
    _look_at_list(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            items = opened.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, UnicodeDecodeError) as error:
        raise invalid(_BROKEN) from error
    if not items:
        raise invalid("Uploaded file must be a non-empty zip")
    if sum(item.file_size for item in items) > MOST_UNPACKED:
        raise invalid(f"Unzipped size must be smaller than {MOST_UNPACKED} bytes")
    for item in items:
        if item.filename.startswith("/") or ".." in item.filename.split("/") or item.flag_bits & 1:
            raise invalid(_BROKEN)


def _look_at_list(data: bytes) -> None:
    """Refuse an archive whose list of files is too long, by what its end says of it.

    Python's reader takes as many bytes as the end says, whatever number of files it says. The larger ends
    of zip64 are for archives that are larger than a function's code may be.
    """
    place = data.rfind(_END, max(0, len(data) - _END_SIZE - 0xFFFF))
    if place < 0 or len(data) - place < _END_SIZE:
        raise invalid(_BROKEN)
    [size] = struct.unpack_from("<I", data, place + 12)
    if place >= _LOCATOR_SIZE and data[place - _LOCATOR_SIZE :][:4] == _LOCATOR:
        raise invalid("The zip is a zip64, which a function's code has no need of: write it without.")
    files = data.count(_LISTED, max(0, place - size), place)
    if files > MOST_FILES or size > LARGEST_LIST:
        raise invalid(
            f"The zip has {files} files whose list takes {size} bytes; at most {MOST_FILES} files and "
            f"{LARGEST_LIST} bytes are taken."
        )
