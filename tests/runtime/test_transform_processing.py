"""Filters and joins in each form of data; a million rows against a reference in the slow suite."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from clary.runtime.spec import Transform
from clary.runtime.transform.processing import DataError, Processing, form_of

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
ROWS = 1_000_000


def processing(media: str, **members: Any) -> Processing:
    names = count(1)
    job = Transform(items=(), content_type=media, **{"split": "Line", **members})
    return Processing(job, name=lambda: f"id-{next(names)}")


def test_the_form_follows_the_media_type_and_the_split() -> None:
    assert form_of("text/csv; charset=utf-8", "Line") == "csv"
    assert form_of("application/json", "None") == "json"
    assert form_of("application/json", "Line") == "lines"
    assert form_of("application/jsonlines", "None") == "lines"
    assert form_of("", "None") == form_of("image/png", "None") == "other"


def test_without_filters_bytes_are_left_as_they_are() -> None:
    job = processing(CSV)
    assert job.request(b'1,"2\n') == b'1,"2\n'
    assert job.result(b"1", b"\xff\n\n") == b"\xff\n\n"


def test_csv_is_filtered_joined_and_filtered_again() -> None:
    job = processing(CSV, input_filter="$[1:]", join=True, output_filter="$[0,-1]")
    assert job.request(b"a,1,2\nb,3,4") == b"1,2\n3,4"
    assert job.result(b"a,1,2\nb,3,4", b"0.5\n0.25\n") == b"a,0.5\nb,0.25\n"
    assert processing(CSV, join=True).result(b"1,2,3", b"1") == b"1,2,3,1\n"
    assert processing(CSV, output_filter="$[1]").result(b"", b"5,6\r\n7,8\r\n") == b"6\n8\n"


def test_csv_in_quotes_is_read_and_written_by_its_rules() -> None:
    job = processing(CSV, input_filter="$[0:1]", join=True)
    batch = b'"a, ""b""",2,3\nc,4,5'
    assert job.request(batch) == b'"a, ""b""",2\nc,4'
    assert job.result(batch, b"1\n2") == b'"a, ""b""",2,3,1\nc,4,5,2\n'


def test_json_lines_are_joined_one_by_one() -> None:
    job = processing(LINES, input_filter="$.f", join=True, output_filter="$['id','SageMakerOutput']")
    batch = b'{"id": 1, "f": [1, 2]}\n{"id": 2, "f": [3]}'
    assert job.request(batch) == b"[1,2]\n[3]"
    told = job.result(batch, b'{"score": 0.5}\n{"score": 1}\n')
    assert [json.loads(line) for line in told.splitlines()] == [
        {"id": 1, "SageMakerOutput": {"score": 0.5}},
        {"id": 2, "SageMakerOutput": {"score": 1}},
    ]


def test_json_that_is_no_object_is_put_into_one() -> None:
    job = processing(JSON, split="None", join=True)
    assert json.loads(job.result(b"[1, 2]", b'{"label": 1}')) == {
        "SageMakerInput": [1, 2],
        "SageMakerOutput": {"label": 1},
    }
    assert json.loads(job.result(b'{"key": 1}', b'{"label": 1}')) == {
        "key": 1,
        "SageMakerOutput": {"label": 1},
    }


def test_each_record_is_given_an_id_and_the_time() -> None:
    at = "2026-11-01T12:00:00Z"
    job = processing(CSV, inference_time=at)
    assert job.result(b"1\n2", b"0\n1\n") == f"0,id-1,{at}\n1,id-2,{at}\n".encode()
    told = processing(LINES, inference_time=at).result(b"", b'{"output": 0}\n3\n').splitlines()
    named = {"SageMakerInferenceId": "id-1", "SageMakerInferenceTime": at}
    assert json.loads(told[0]) == {"output": 0, **named}
    assert json.loads(told[1]) == {"SageMakerOutput": 3, **named, "SageMakerInferenceId": "id-2"}


@pytest.mark.parametrize(
    ("media", "members", "batch", "answer", "words"),
    [
        (CSV, {"join": True}, b"1\n2", b"1", "answered 1 records to 2"),
        (LINES, {"join": True}, b"1\n2", b"1\n2\n3", "answered 3 records to 2"),
        (
            CSV,
            {"output_filter": "$[3]"},
            b"1",
            b"1,2",
            r"OutputFilter: \$\[3\]: the index 3 is not within the 2",
        ),
        (
            LINES,
            {"output_filter": "$.x"},
            b"1",
            b"nonsense",
            "Failed to parse the output of the algorithm as JSON",
        ),
        (LINES, {"join": True}, b"nonsense", b"1", "Failed to parse the input as JSON"),
        (CSV, {"join": True}, b"\xff", b"1", "not UTF-8"),
        (CSV, {"join": True}, b'"a', b"1", "as CSV"),
    ],
)
def test_what_cannot_be_joined_or_filtered_says_why(
    media: str, members: dict[str, Any], batch: bytes, answer: bytes, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        processing(media, **members).result(batch, answer)


def test_an_input_that_the_filter_does_not_fit_says_why() -> None:
    with pytest.raises(DataError, match=r"InputFilter: .*no attribute 'f'"):
        processing(LINES, input_filter="$.f").request(b'{"g": 1}')


@pytest.fixture(scope="module")
def million() -> tuple[list[list[str]], list[list[str]]]:
    """Rows and answers, made once: half of the work."""
    return table(ROWS)


def table(rows: int) -> tuple[list[list[str]], list[list[str]]]:
    chance = random.Random(7)  # noqa: S311 - numbers, no secret
    texts = ["x", "a b", "", "ü", 'say "so"', "one, two"]
    given = [
        [f"id{n}", chance.choice(texts), *(f"{chance.random():.4f}" for _ in range(3))] for n in range(rows)
    ]
    return given, [[f"{chance.random():.6f}", str(chance.randrange(3))] for _ in range(rows)]


def written(rows: list[list[str]]) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue().encode()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("input_filter", "output_filter", "chosen_in", "chosen_out"),
    [
        ("$[2:]", "$[0,-2:]", lambda row: row[2:], lambda row: [row[0], *row[-2:]]),
        ("$[0,2:3]", "$", lambda row: [row[0], *row[2:4]], lambda row: row),
        ("$", "$[-1]", lambda row: row, lambda row: row[-1:]),
    ],
)
def test_a_million_rows_of_csv_are_as_a_reference_has_them(
    million: tuple[list[list[str]], list[list[str]]],
    input_filter: str,
    output_filter: str,
    chosen_in: Callable[[list[str]], list[str]],
    chosen_out: Callable[[list[str]], list[str]],
) -> None:
    given, answers = million
    job = processing(CSV, input_filter=input_filter, join=True, output_filter=output_filter)
    batch = written(given)
    sent = csv.reader(io.StringIO(job.request(batch).decode()))
    assert all(row == chosen_in(wanted) for row, wanted in zip(sent, given, strict=True))
    told = csv.reader(io.StringIO(job.result(batch, written(answers)).decode()))
    joined = (one + other for one, other in zip(given, answers, strict=True))
    assert all(row == chosen_out(wanted) for row, wanted in zip(told, joined, strict=True))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_million_json_lines_are_as_a_reference_has_them() -> None:
    chance = random.Random(11)  # noqa: S311 - numbers, no secret
    given: list[Any] = [{"id": n, "f": [chance.random() for _ in range(3)], "t": "ü"} for n in range(ROWS)]
    answers = [{"score": chance.random(), "label": n % 3} for n in range(ROWS)]
    job = processing(LINES, input_filter="$.f[0,2]", join=True, output_filter="$['id','SageMakerOutput']")
    batch, answer = ("\n".join(map(json.dumps, rows)).encode() for rows in (given, answers))
    sent = map(json.loads, job.request(batch).splitlines())
    assert all(row == [wanted["f"][0], wanted["f"][2]] for row, wanted in zip(sent, given, strict=True))
    told = map(json.loads, job.result(batch, answer).splitlines())
    pairs = zip(told, given, answers, strict=True)
    assert all(row == {"id": one["id"], "SageMakerOutput": other} for row, one, other in pairs)
