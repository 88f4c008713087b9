"""The channels of a training job: which objects they name, and how the program is to find them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from clary.controllers.s3 import DataFault, RoleObjects
from clary.controllers.sources import Share, found, share_of
from clary.core.document import Document
from clary.core.file_systems import FileSystem, declared
from clary.core.settings import Home
from clary.runtime.feed import of_epoch
from clary.runtime.spec import Input, Mount, Piece, Pipe

FILES = "FileSystemDataSource"
REFERENCE = "-ref"  # at the end of an attribute's name: its value is the URI of an object


def files(doc: Document, objects: RoleObjects, share: Share = (0, 1)) -> tuple[Input, ...]:
    """Place the objects of every channel that is not streamed."""
    inputs: list[Input] = []
    for channel in doc.get("InputDataConfig", ()):
        if mode(channel, doc) != "Pipe" and FILES not in channel["DataSource"]:
            source = channel["DataSource"]["S3DataSource"]
            chosen = of_epoch(found(source, objects), _seed(channel), 0, share_of(source, share))
            inputs += objects.placed(source["S3Uri"], chosen, f"input/data/{channel['ChannelName']}")
    return tuple(inputs)


def pipes(doc: Document, objects: RoleObjects, share: Share = (0, 1)) -> tuple[Pipe, ...]:
    """Return the channels that are streamed."""
    return tuple(
        _pipe(channel, objects, share)
        for channel in doc.get("InputDataConfig", ())
        if mode(channel, doc) == "Pipe"
    )


def mounts(doc: Document, home: Home) -> tuple[Mount, ...]:
    """Return the channels that are directories of file systems (evidence/file-system-channels.md)."""
    found = [each for each in doc.get("InputDataConfig", ()) if FILES in each["DataSource"]]
    try:
        known = declared(home) if found else {}
    except ValueError as error:
        raise DataFault(f"Data download failed:{error}") from error
    return tuple(_mount(each["ChannelName"], each["DataSource"][FILES], known) for each in found)


def _mount(channel: str, source: Document, known: Mapping[str, FileSystem]) -> Mount:
    name = source["FileSystemId"]
    if name not in known:
        raise DataFault(f"Data download failed:the file system {name} is not declared here any more")
    if not known[name].has(source["DirectoryPath"]):
        raise DataFault(
            f"Data download failed:the file system {name} has no directory {source['DirectoryPath']!r}"
        )
    return Mount(
        root=known[name].directory,
        path=source["DirectoryPath"].strip("/"),
        target=f"input/data/{channel}",
        writable=source["FileSystemAccessMode"] == "rw" and known[name].access == "rw",
    )


def mode(channel: Document, doc: Document) -> str:
    """Return a channel's input mode: its own, or the job's."""
    named: str = channel.get("InputMode") or doc["AlgorithmSpecification"]["TrainingInputMode"]
    return named


def _pipe(channel: Document, objects: RoleObjects, share: Share) -> Pipe:
    source = channel["DataSource"]["S3DataSource"]
    if source["S3DataType"] == "AugmentedManifestFile":
        groups = tuple(_augmented(source, objects))
    else:
        groups = tuple((Piece(source=each.path),) for each in found(source, objects))
    return Pipe(
        channel=channel["ChannelName"],
        groups=groups,
        seed=_seed(channel),
        share=share_of(source, share),
        gunzip=channel.get("CompressionType") == "Gzip",
        wrapped=channel.get("RecordWrapperType") == "RecordIO",
    )


def _augmented(source: Document, objects: RoleObjects) -> Iterator[tuple[Piece, ...]]:
    """Yield for each line of an augmented manifest its attributes, in the order asked for."""
    uri, lines = source["S3Uri"], 0
    with objects.one(uri).open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                lines += 1
                values = _object(line, f"line {number} of the augmented manifest {uri}")
                yield tuple(
                    _piece(name, values, f"line {number} of the augmented manifest {uri}", objects)
                    for name in source["AttributeNames"]
                )
    if not lines:
        raise DataFault(
            f"Data download failed:the augmented manifest {uri} is empty; put one JSON object a line"
        )


def _object(line: bytes, where: str) -> Document:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise DataFault(
            f"Data download failed:{where} is not JSON: {error}; it must be one object"
        ) from error
    if not isinstance(values, dict):
        raise DataFault(f"Data download failed:{where} is not a JSON object; it must be like {{...}}")
    return values


def _piece(name: str, values: Document, where: str, objects: RoleObjects) -> Piece:
    if name not in values:
        has = ", ".join(sorted(values)) or "none"
        raise DataFault(
            f"Data download failed:{where} has no attribute {name!r}, which AttributeNames lists; it "
            f"has {has}"
        )
    value = values[name]
    if not name.endswith(REFERENCE):
        return Piece(text=value if isinstance(value, str) else json.dumps(value))
    if not isinstance(value, str) or not value.startswith("s3://"):
        raise DataFault(
            f"Data download failed:the attribute {name!r} in {where} is {value!r}; because of its name it "
            "must be the URI of an object, s3://bucket/key"
        )
    return Piece(source=objects.one(value))


def _seed(channel: Document) -> int | None:
    seed: int | None = channel.get("ShuffleConfig", {}).get("Seed")
    return seed
