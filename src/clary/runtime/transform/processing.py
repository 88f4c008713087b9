"""Filters what a transform job sends, joins answers to what they answer, and filters the result.

evidence/batch-transform.md says which forms there are and what paths mean in each.
"""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from clary.runtime.spec import Transform
from clary.runtime.transform.jsonpath import Path, PathError, columns, parse, select
from clary.runtime.transform.plain import Plain, chosen_of

Form = Literal["csv", "lines", "json", "other"]
"""Rows of CSV, JSON one value a line, one JSON value, anything else."""

Rows = Sequence[Sequence[str]]

OUTPUT, INPUT = "SageMakerOutput", "SageMakerInput"
_ID, _TIME = "SageMakerInferenceId", "SageMakerInferenceTime"
_CSV, _JSON, _LINES = "text/csv", "application/json", ("application/jsonlines", "application/x-jsonlines")


class DataError(Exception):
    """Data that cannot be filtered or joined; the text says why."""


def form_of(media: str, split: str) -> Form:
    """Return the form of data of a media type."""
    media = media.partition(";")[0].strip().lower()
    if media == _CSV:
        return "csv"
    if media in _LINES or (media == _JSON and split == "Line"):
        return "lines"
    return "json" if media == _JSON else "other"


class Processing:
    """What a job's DataProcessing and inference ids do to requests and answers."""

    def __init__(self, job: Transform, *, name: Callable[[], object] = uuid.uuid4) -> None:
        self._input, self._output = parse(job.input_filter), parse(job.output_filter)
        self._join, self._time, self._name = job.join, job.inference_time, name
        self._form = form_of(job.content_type, job.split)
        self._accept = form_of(job.accept, job.split) if job.accept else self._form
        self.reads = not self._input.whole or self._join
        self.writes = self._join or not self._output.whole or bool(self._time)

    def request(self, batch: bytes) -> bytes:
        """Return what of a batch is sent to the model."""
        if self._input.whole:
            return batch
        try:
            if self._form == "csv":
                return self._chosen(self._input, [_text(batch)])
            return _lines(select(self._input, value) for value in self._values(batch, "the input"))
        except PathError as error:
            raise DataError(f"InputFilter: {error}") from error

    def result(self, batch: bytes, answer: bytes) -> bytes:
        """Return what is written for a batch and its answer, ending with a newline."""
        if not self.writes:
            return answer
        try:
            if self._accept == "csv":
                texts = [_text(batch), _text(answer)] if self._join else [_text(answer)]
                return self._chosen(self._output, texts, named=bool(self._time)) + b"\n"
            return self._json(batch, answer) + b"\n"
        except PathError as error:
            raise DataError(f"OutputFilter: {error}") from error

    def _chosen(self, path: Path, texts: Sequence[str], *, named: bool = False) -> bytes:
        """Return the columns that a path chooses of CSV that lies side by side."""
        plain = [table for table in map(Plain.read, texts) if table]
        if len(plain) < len(texts):
            return self._chosen_by_row(path, texts, named=named)
        _same(*(len(table.lines) for table in plain))
        chosen = columns(path, sum(table.width for table in plain))
        lines = chosen_of(plain, chosen) if chosen else [""] * len(plain[0].lines)
        if named:
            lines = [f"{line},{self._name()},{self._time}" for line in lines]
        return "\n".join(lines).encode()

    def _chosen_by_row(self, path: Path, texts: Sequence[str], *, named: bool) -> bytes:
        """Do the same where cells are in quotes or rows of several widths."""
        tables = [_rows(text) for text in texts]
        _same(*map(len, tables))
        rows: Rows = tables[0]
        if len(tables) == 2:
            rows = [[*one, *other] for one, other in zip(*tables, strict=True)]
        if not path.whole:
            rows = [_cells(row, columns(path, len(row))) for row in rows]
        if named:
            rows = [[*row, str(self._name()), self._time] for row in rows]
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerows(rows)
        return file.getvalue().removesuffix("\n").encode()

    def _json(self, batch: bytes, answer: bytes) -> bytes:
        values = self._values(answer, "the output of the algorithm")
        if self._join:
            given = self._values(batch, "the input")
            _same(len(given), len(values))
            values = [_joined(before, after) for before, after in zip(given, values, strict=True)]
        return _lines(self._named(select(self._output, value)) for value in values)

    def _values(self, text: bytes, what: str) -> list[object]:
        parts = text.splitlines() if self._form == "lines" else [text]
        try:
            return [json.loads(part) for part in parts if part.strip()]
        except (ValueError, RecursionError) as error:
            raise DataError(f"Failed to parse {what} as JSON: {error}") from error

    def _named(self, value: object) -> object:
        if not self._time:
            return value
        whole = value if isinstance(value, dict) else {OUTPUT: value}
        return {**whole, _ID: str(self._name()), _TIME: self._time}


def _joined(given: object, answer: object) -> object:
    return {**given, OUTPUT: answer} if isinstance(given, dict) else {INPUT: given, OUTPUT: answer}


def _same(given: int, answered: int = -1) -> None:
    if answered not in (-1, given):
        raise DataError(
            f"the algorithm answered {answered} records to {given}, and JoinSource needs one for each. Let "
            "it answer one line a record, or set BatchStrategy to SingleRecord"
        )


def _cells(row: Sequence[str], chosen: Sequence[int]) -> Sequence[str]:
    return [row[column] for column in chosen]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"Failed to parse data as CSV: it is not UTF-8 ({error})") from error


def _rows(text: str) -> Rows:
    """Return the cells of CSV; blank lines are none."""
    try:
        return [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error as error:
        raise DataError(f"Failed to parse data as CSV: {error}") from error


def _lines(values: Iterator[object]) -> bytes:
    return b"\n".join(json.dumps(each, separators=(",", ":"), ensure_ascii=False).encode() for each in values)
