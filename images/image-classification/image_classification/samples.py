"""Finds the pictures of a channel and their labels: lists, RecordIO files, streams."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from toolkit.contract import Json
from toolkit.environment import Training
from toolkit.failure import UserError

from image_classification import recordio
from image_classification.recordio import Span
from toolkit import tables

RECORDIO = "application/x-recordio"
PICTURES = ("application/x-image", "image/png", "image/jpeg", "image/jpg", "application/jpeg")
FORMATS = ("multi-hot", "class-id")


class Sample(NamedTuple):
    """A picture: where its bytes are, what it is called in messages, its class or classes."""

    path: Path
    spans: tuple[Span, ...]  # none: the whole file
    skip: int
    name: str
    labels: tuple[int, ...]

    def read(self) -> bytes:
        """Return the encoded picture."""
        if not self.spans:
            return self.path.read_bytes()
        with self.path.open("rb") as file:
            return recordio.content(file, self.spans)[self.skip :]


class Labels(NamedTuple):
    """How the labels of a job are written."""

    classes: int
    many: bool
    ids: bool = False

    def of(self, found: Sequence[object], where: str) -> tuple[int, ...]:
        """Return the classes of a picture, or say which label is wrong."""
        numbers = [self._whole(one, where) for one in found]
        if self.many and not self.ids:
            if len(numbers) != self.classes or not set(numbers) <= {0, 1}:
                raise UserError(
                    f"{where} has the labels {_short(numbers)}; with multi_label=1 there must be "
                    f"num_classes={self.classes} of them, each 0 or 1. If they are numbers of classes, add "
                    "label-format=class-id to the channel's content type."
                )
            return tuple(place for place, one in enumerate(numbers) if one)
        if not self.many and len(numbers) != 1:
            raise UserError(
                f"{where} has {len(numbers)} labels; it must have one. Set multi_label to 1 if a picture "
                "may be of several classes."
            )
        for one in numbers:
            if not 0 <= one < self.classes:
                raise UserError(
                    f"{where} has the label {one}; with num_classes={self.classes} labels are numbers from "
                    f"0 to {self.classes - 1}. Number the classes from 0 on, or correct num_classes."
                )
        return tuple(sorted(set(numbers)))

    def _whole(self, value: object, where: str) -> int:
        try:
            number = float(str(value))
            if number == int(number) and not isinstance(value, bool):
                return int(number)
        except (ValueError, OverflowError):
            pass
        raise UserError(f"{where} has the label {value!r}; a label must be a whole number from 0 on.")


def channel(job: Training, name: str, labels: Labels, scratch: Path) -> list[Sample]:
    """Read a channel that must be there; what is streamed is kept in the scratch folder."""
    told = job.channels.get(name)
    given = told if isinstance(told, dict) else {}
    if name not in job.channels and not (job.where.data / name).is_dir():
        raise _required(name)
    media, parameters = _content_type(name, given.get("ContentType"))
    labels = labels._replace(ids=parameters.get("label-format", FORMATS[0]) == "class-id")
    if given.get("TrainingInputMode") == "Pipe":
        found = _streamed(job, name, given, labels, scratch)
    elif media == RECORDIO or (not media and not _has_list(job, name)):
        found = _recorded(job, name, labels)
    else:
        found = _listed(job, name, labels)
    if not found:
        raise UserError(
            f"No data in the {name} channel: it has no picture. Give it some, or correct its S3Uri."
        )
    return found


def _required(name: str) -> UserError:
    return UserError(
        f"Unable to initialize the algorithm: {name!r} is a required channel. Give the job an input channel "
        "of that name."
    )


def _content_type(name: str, written: Json) -> tuple[str, dict[str, str]]:
    media, *rest = (part.strip() for part in str(written or "").lower().split(";"))
    if media and media != RECORDIO and media not in PICTURES:
        raise UserError(
            f"{media} is not an accepted ContentType of the {name} channel: {RECORDIO}, application/x-image, "
            "image/png, image/jpeg."
        )
    pairs = (part.partition("=") for part in rest if part)
    parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
    if parameters.get("label-format", FORMATS[0]) not in FORMATS:
        raise UserError(
            f"The {name} channel's label-format is {parameters['label-format']!r}; it must be multi-hot or "
            "class-id."
        )
    return media, parameters


def _has_list(job: Training, name: str) -> bool:
    return f"{name}_lst" in job.channels or (job.where.data / f"{name}_lst").is_dir()


def _listed(job: Training, name: str, labels: Labels) -> list[Sample]:
    if not _has_list(job, name):
        raise _required(f"{name}_lst")
    folder = job.where.data / f"{name}_lst"
    lists = sorted(path for path in tables.files(folder) if path.suffix == ".lst")
    if len(lists) != 1:
        raise UserError(
            f"The {name}_lst channel must have one .lst file that is not empty; it has {len(lists)}. Its "
            "lines are an index, a label and a path, with tabs between."
        )
    where = f"{lists[0].name} of the {name}_lst channel"
    found: list[Sample] = []
    try:
        lines = lists[0].read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as wrong:
        raise UserError(f"{where} is not text in UTF-8: {wrong}") from wrong
    for number, line in enumerate(lines, 1):
        if line.strip():
            found.append(_line(line, job.where.data / name, labels, f"{where}, line {number},", name))
    if not found:
        raise UserError(f"{where} has no line; each picture needs an index, a label and a path.")
    return found


def _line(line: str, folder: Path, labels: Labels, where: str, name: str) -> Sample:
    cells = line.rstrip("\r\n").split("\t")
    if len(cells) < 3:
        raise UserError(
            f"{where} has {len(cells)} of three columns; it must be an index, a label and a path, with tabs "
            "between."
        )
    picture = cells[-1].strip()
    path = folder / picture
    if not path.is_file():
        raise UserError(
            f"{where} names {picture}, which is not in the {name} channel. Paths are relative to the "
            "channel's S3Uri."
        )
    return Sample(path, (), 0, f"{picture} of the {name} channel", labels.of(cells[1:-1], where))


def _recorded(job: Training, name: str, labels: Labels) -> list[Sample]:
    files = sorted(path for path in tables.files(job.where.data / name) if path.suffix != ".idx")
    wrong = [path.name for path in files if path.suffix not in (".rec", "")]
    files = [path for path in files if path.suffix == ".rec"] or files
    if not files:
        raise UserError(
            f"No data in the {name} channel: it has no .rec file. Give it one, or correct its S3Uri."
        )
    if wrong and files[0].suffix != ".rec":
        raise UserError(
            f"The {name} channel has {wrong[0]} and no .rec file. For single pictures give the channels "
            f"{name} and {name}_lst the ContentType application/x-image."
        )
    return [one for path in files for one in _records(path, name, labels)]


def _records(path: Path, name: str, labels: Labels) -> Iterator[Sample]:
    try:
        with path.open("rb") as file:
            for record in recordio.records(file):
                told, skip = recordio.labels(file, record)
                where = f"Record {record.number} of {path.name} of the {name} channel"
                yield Sample(path, record.spans, skip, where, labels.of(told, where))
    except ValueError as wrong:
        raise UserError(
            f"{path.name} of the {name} channel is not a RecordIO file of MXNet: {wrong}. im2rec.py writes "
            "such files."
        ) from wrong


def _streamed(
    job: Training, name: str, given: dict[str, Json], labels: Labels, scratch: Path
) -> list[Sample]:
    kept = recordio.spool(job.where.data / f"{name}_0", scratch / f"{name}.rec")
    if given.get("RecordWrapperType") == "RecordIO":
        return list(_pairs(kept, name, labels))
    return list(_records(kept, name, labels))


def _pairs(path: Path, name: str, labels: Labels) -> Iterator[Sample]:
    """Read the stream of an augmented manifest: a record with a picture, a record with its label."""
    with path.open("rb") as file:
        try:
            found = list(recordio.records(file))
        except ValueError as wrong:
            raise UserError(f"The stream of the {name} channel is not RecordIO: {wrong}") from wrong
        if len(found) % 2:
            raise UserError(_attributes(name, "has an odd number of records"))
        for number, (picture, label) in enumerate(zip(found[::2], found[1::2], strict=True), 1):
            where = f"Line {number} of the {name} channel's manifest"
            body = recordio.content(file, label.spans)
            yield Sample(path, picture.spans, 0, where, labels.of(_annotation(body, name), where))


def _annotation(body: bytes, name: str) -> list[object]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise UserError(_attributes(name, "has no label after a picture")) from wrong
    return told if isinstance(told, list) else [told]


def _short(numbers: list[int]) -> str:
    said = ", ".join(map(str, numbers[:8]))
    return f"{said}, …" if len(numbers) > 8 else said


def _attributes(name: str, fault: str) -> str:
    return (
        f"The stream of the {name} channel {fault}. AttributeNames must be the picture and its label, like "
        '["source-ref", "class"].'
    )
