"""Filters what a transform job sends, joins answers to what they answer, and filters the result.

evidence/batch-transform.md says which forms there are and what paths mean in each.
"""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Literal

from clary.runtime.spec import Transform
from clary.runtime.transform.jsonpath import Path, PathError, columns, parse, select

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
                rows, quoted = _rows(batch)
                return _csv(_chosen(self._input, rows), quoted=quoted)
            return _lines(select(self._input, value) for value in self._values(batch, "the input"))
        except PathError as error:
            raise DataError(f"InputFilter: {error}") from error

    def result(self, batch: bytes, answer: bytes) -> bytes:
        """Return what is written for a batch and its answer, ending with a newline."""
        if not self.writes:
            return answer
        try:
            return (
                self._table(batch, answer) if self._accept == "csv" else self._json(batch, answer)
            ) + b"\n"
        except PathError as error:
            raise DataError(f"OutputFilter: {error}") from error

    def _table(self, batch: bytes, answer: bytes) -> bytes:
        rows, quoted = _rows(answer)
        if self._join:
            given, more = _rows(batch)
            _same(len(given), len(rows))
            rows, quoted = [[*one, *other] for one, other in zip(given, rows, strict=True)], quoted or more
        rows = _chosen(self._output, rows)
        if self._time:
            rows = [[*row, str(self._name()), self._time] for row in rows]
        return _csv(rows, quoted=quoted)

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


def _same(given: int, answered: int) -> None:
    if given != answered:
        raise DataError(
            f"the algorithm answered {answered} records to {given}, and JoinSource needs one for each. Let "
            "it answer one line a record, or set BatchStrategy to SingleRecord"
        )


def _chosen(path: Path, rows: Rows) -> Rows:
    if path.whole:
        return rows
    getters = {width: _getter(columns(path, width)) for width in set(map(len, rows))}
    return [getters[len(row)](row) for row in rows]


def _getter(chosen: tuple[int, ...]) -> Callable[[Sequence[str]], Sequence[str]]:
    """Return what takes columns from a row: at once, for this is done for each row there is."""
    if not chosen:
        return itemgetter(slice(0))
    if chosen == tuple(range(chosen[0], chosen[-1] + 1)):
        return itemgetter(slice(chosen[0], chosen[-1] + 1))
    return itemgetter(*chosen)


def _rows(text: bytes) -> tuple[Rows, bool]:
    """Return the cells of CSV, and whether any are in quotes; blank lines are none."""
    try:
        plain = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"Failed to parse data as CSV: it is not UTF-8 ({error})") from error
    if '"' not in plain:
        lines = plain.replace("\r\n", "\n").split("\n")
        return [line.split(",") for line in lines if line], False
    try:
        return [row for row in csv.reader(io.StringIO(plain), strict=True) if row], True
    except csv.Error as error:
        raise DataError(f"Failed to parse data as CSV: {error}") from error


def _csv(rows: Rows, *, quoted: bool) -> bytes:
    if not quoted:  # then no cell needs to be
        return "\n".join(map(",".join, rows)).encode()
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue().removesuffix("\n").encode()


def _lines(values: Iterator[object]) -> bytes:
    return b"\n".join(json.dumps(each, separators=(",", ":"), ensure_ascii=False).encode() for each in values)
