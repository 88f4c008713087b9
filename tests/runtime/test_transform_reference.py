"""A million rows through the driver, each compared with what a JSONPath library of others' makes of it.

The library follows RFC 9535. Where the guide to data processing has it otherwise, `Reference` says so.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonpath_rfc9535
import pytest
from tests.runtime.transformed import Answer, Model, drive, serving

ROWS, MANY, FEW = 1_000_000, 20_000, 2_000
WORDS = ("x", "a b", "", "ü", 'say "so"', "one, two", "\u2028", "\\n", "null", "1e400", "🙂")
PLAIN = ("x", "a b", "", "ü", "null", "\u2028", "'")
_END = re.compile(r"(?<=:)(-?\d+)")
_NAMES = re.compile(r"\[('[^']+')(,'[^']+')+\]$")


class Reference:
    """A path as the library understands it, but for what evidence/batch-transform.md says of our dialect."""

    def __init__(self, path: str) -> None:
        self._query = jsonpath_rfc9535.compile(_END.sub(_one_more, path))  # a range includes its end
        self._named = bool(_NAMES.search(path))  # names together choose a smaller object
        self._one = self._query.singular_query()  # what can only be one value is no list of one

    def of(self, value: Any) -> Any:
        nodes = self._query.find(value)
        if self._named:
            return {node.location[-1]: node.value for node in nodes}
        return nodes[0].value if self._one else nodes.values()


def _one_more(found: re.Match[str]) -> str:
    return str(int(found[1]) + 1) if found[1] != "-1" else ""


def spelled(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def cells(text: bytes) -> Iterator[list[str]]:
    return csv.reader(io.TextIOWrapper(io.BytesIO(text), "utf-8", newline=""), strict=True)


def table(rows: Sequence[Sequence[str]]) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue().encode()


def lines(count: int) -> bytes:
    chance = random.Random(11)  # noqa: S311 - numbers, no secret
    return b"".join(
        spelled(
            {
                "id": number,
                "f": [chance.random(), chance.randrange(10**18), None, -chance.random() * 1e-9],
                "more": {"text": chance.choice(WORDS), "deep": {"c": [chance.random()]}},
                "rows": [{"x": chance.randrange(9), "y": True} for _ in range(number % 3)],
            }
        )
        + b"\n"
        for number in range(count)
    )


def rows(count: int, words: Sequence[str]) -> bytes:
    chance = random.Random(7)  # noqa: S311 - numbers, no secret
    return table(
        [
            [f"id{number}", chance.choice(words), *(f"{chance.random():.4f}" for _ in range(3))]
            for number in range(count)
        ]
    )


def scored(body: bytes) -> Answer:
    """Answer JSON lines: what was sent, and something of the model's own."""
    found = (spelled({"got": json.loads(line), "size": len(line)}) for line in body.split(b"\n"))
    return 200, b"\n".join(found)


def counted(body: bytes) -> Answer:
    """Answer CSV: what was sent, and something of the model's own."""
    return 200, table([[*row, str(len(row[0])), own(row)] for row in cells(body)])


def own(row: Sequence[str]) -> str:
    return "a, b" if '"' in row[-1] + row[0] else "ab"


def as_row(found: Any) -> list[str]:
    return found if isinstance(found, list) else [found]


def driven(
    root: Path, model: Model, text: bytes, content_type: str, input_filter: str, output_filter: str
) -> tuple[bytes, Reference, Reference]:
    """Return what a transform with these filters makes of a text, and the filters by the reference."""
    with serving(root, model):
        words, outputs, _ = drive(
            root,
            {"x": text},
            split="Line",
            content_type=content_type,
            join=True,
            payload_mb=2,
            concurrency=2,
            input_filter=input_filter,
            output_filter=output_filter,
        )
    assert words == "done"
    return outputs["x"], Reference(input_filter), Reference(output_filter)


def check_lines(root: Path, text: bytes, input_filter: str, output_filter: str) -> None:
    jsonlines = "application/jsonlines"
    found, before, after = driven(root, scored, text, jsonlines, input_filter, output_filter)
    told = found.split(b"\n")
    assert told.pop() == b""
    for line, given in zip(told, text.removesuffix(b"\n").split(b"\n"), strict=True):
        value = json.loads(given)
        sent = before.of(value)
        joined = {**value, "SageMakerOutput": {"got": sent, "size": len(spelled(sent))}}
        assert line == spelled(after.of(joined))


def check_rows(root: Path, text: bytes, input_filter: str, output_filter: str) -> None:
    told, before, after = driven(root, counted, text, "text/csv", input_filter, output_filter)
    for found, given in zip(cells(told), cells(text), strict=True):
        sent = as_row(before.of(given))
        assert found == as_row(after.of([*given, *sent, str(len(sent[0])), own(sent)]))


OF_LINES = [
    ("$.f[0,2]", "$['id','SageMakerOutput']"),
    ("$.more.*", "$.SageMakerOutput.got[*]"),
    ("$.rows[*].x", "$"),
    ("$['more']['deep'].c[-1]", "$.f[-3:-1]"),
    ("$['f','id']", "$.f[1:2]"),
    ("$", "$.SageMakerOutput.got.more['deep','text']"),
]
OF_ROWS = [
    ("$[2:]", "$[0,-2:]"),
    ("$[0,2:3]", "$"),
    ("$[*]", "$[-1]"),
    ("$[-3:-2]", "$[1:-2]"),
    ("$[:3]", "$[:1]"),
    ("$[2]", "$[-2,0,4]"),
]


@pytest.mark.parametrize(("input_filter", "output_filter"), OF_LINES)
def test_json_lines_are_as_a_library_has_them(root: Path, input_filter: str, output_filter: str) -> None:
    check_lines(root, lines(FEW), input_filter, output_filter)


@pytest.mark.parametrize("words", [WORDS, PLAIN], ids=["quoted", "plain"])
@pytest.mark.parametrize(("input_filter", "output_filter"), OF_ROWS)
def test_rows_of_csv_are_as_a_library_has_them(
    root: Path, words: Sequence[str], input_filter: str, output_filter: str
) -> None:
    check_rows(root, rows(FEW, words), input_filter, output_filter)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("count", "filters"), [(ROWS, OF_LINES[0]), (MANY, OF_LINES[1])])
def test_many_json_lines_are_as_a_library_has_them(root: Path, count: int, filters: tuple[str, str]) -> None:
    check_lines(root, lines(count), *filters)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("count", "words", "filters"),
    [(ROWS, WORDS, OF_ROWS[0]), (ROWS, PLAIN, OF_ROWS[0]), (MANY, PLAIN, OF_ROWS[1])],
    ids=["quoted", "plain", "fewer"],
)
def test_many_rows_of_csv_are_as_a_library_has_them(
    root: Path, count: int, words: Sequence[str], filters: tuple[str, str]
) -> None:
    check_rows(root, rows(count, words), *filters)
