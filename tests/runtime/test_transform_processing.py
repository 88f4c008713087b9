"""Filters and joins in each form of data; test_transform_reference.py has a million rows of them."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest

from clary.runtime.spec import Transform
from clary.runtime.transform.processing import DataError, Processing, form_of

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"


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
