"""The channels of BlazingText: text with a sentence a line, as one file that can be read over and over."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from toolkit.contract import Json
from toolkit.environment import Training
from toolkit.failure import UserError
from toolkit.recordio import MAGIC

from toolkit import tables

LABEL = "__label__"
LOOK_AT_LINES = 1000


def required(job: Training, name: str, scratch: Path) -> Path:
    """Return the text of a channel that must be there."""
    found = optional(job, name, scratch)
    if found is None:
        raise UserError(
            f"Unable to initialize the algorithm: {name!r} is a required channel. Give the job an input "
            f"channel of that name."
        )
    return found


def optional(job: Training, name: str, scratch: Path) -> Path | None:
    """Return the text of a channel when the job has it; more than one file, and a stream, are written to
    one in `scratch`."""
    folder = job.where.data / name
    told = job.channels.get(name)
    channel = told if isinstance(told, dict) else {}
    if channel.get("TrainingInputMode") == "Pipe":
        return _streamed(name, job.where.data / f"{name}_0", channel, scratch)
    if name not in job.channels and not folder.is_dir():
        return None
    files = sorted(tables.files(folder))
    if not files:
        raise UserError(f"No data in the {name} channel: {folder} has no text file.")
    if len(files) == 1:
        return files[0]
    target = scratch / name
    with target.open("wb") as whole:
        for path in files:
            with path.open("rb") as part:
                shutil.copyfileobj(part, whole)
            whole.write(b"\n")  # a file need not end with the end of a line
    return target


def labelled(path: Path, name: str) -> None:
    """Refuse a text whose first lines have no label."""
    with path.open("rb") as file:
        for _, line in zip(range(LOOK_AT_LINES), file, strict=False):
            if any(word.startswith(LABEL.encode()) for word in line.split()):
                return
    raise UserError(
        f"The {name} channel has no labels: no word of its first {LOOK_AT_LINES} lines begins with {LABEL}. "
        f"In the mode supervised a line is like '{LABEL}1 a sentence of words'; JSON lines with source and "
        f"label come as an AugmentedManifestFile."
    )


def _streamed(name: str, pipe: Path, channel: dict[str, Json], scratch: Path) -> Path:
    target = scratch / name
    with pipe.open("rb") as stream, target.open("wb") as text:
        if channel.get("RecordWrapperType") != "RecordIO":
            shutil.copyfileobj(stream, text)
            return target
        records = _records(stream, name)
        for number, (source, label) in enumerate(zip(records, records, strict=False), 1):
            words = " ".join(source.decode(errors="replace").split())
            text.write(f"{_labels(label, name, number)} {words}\n".encode())
    return target


def _records(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Split a RecordIO stream as it comes."""
    while header := stream.read(8):
        magic, length = struct.unpack("<II", header) if len(header) == 8 else (0, 0)
        if magic != MAGIC:
            raise UserError(
                f"The {name} channel is not RecordIO; set its RecordWrapperType to RecordIO for an augmented "
                f"manifest."
            )
        content = stream.read(length + -length % 4)
        yield content[:length]


def _labels(record: bytes, name: str, number: int) -> str:
    """Write a record's label, or its array of labels, as words."""
    told = record.decode(errors="replace").strip()
    try:
        value = json.loads(told)
    except ValueError:
        value = told
    words = value if isinstance(value, list) else [value]
    if not words or any(not isinstance(word, str | int) or len(str(word).split()) != 1 for word in words):
        raise UserError(
            f"The label of sample {number} in the {name} channel is {told[:60]!r}; it must be one word, a "
            f"number, or an array of them. AttributeNames must list source first, then label."
        )
    return " ".join(str(word) if str(word).startswith(LABEL) else f"{LABEL}{word}" for word in words)
