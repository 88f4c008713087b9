"""The driver against a model server of the test's own: order, limits, retries, refusals, what is kept."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.transformed import Answer, drive, serving

from clary.runtime.jobdir import JobDirectory
from clary.runtime.spec import Transform
from clary.runtime.transform.driving import Limits
from clary.runtime.transform.ledger import discard_drafts, finished, since


def upper(body: bytes) -> Answer:
    return 200, body.upper()


@pytest.mark.parametrize(
    ("asked", "told", "held"),
    [
        ({}, {"MaxConcurrentTransforms": 10**6, "MaxPayloadInMB": 10**6}, (1, 100)),
        ({}, {"MaxConcurrentTransforms": 10**6}, (16, 6)),
        ({}, {"MaxConcurrentTransforms": 10**6, "MaxPayloadInMB": 0}, (100, 0)),
        ({"concurrency": 16}, {"MaxPayloadInMB": 50}, (16, 6)),
        ({"payload_mb": 30}, {"MaxConcurrentTransforms": 4}, (3, 30)),
        ({"concurrency": 4, "payload_mb": 25}, {"MaxConcurrentTransforms": 9, "MaxPayloadInMB": 9}, (4, 25)),
    ],
)
def test_a_server_gets_no_more_than_a_job_may_ask_for(
    asked: dict[str, Any], told: dict[str, Any], held: tuple[int, int]
) -> None:
    limits = Limits.settle(Transform(items=(), **asked), told)
    assert (limits.concurrency, limits.payload_mb) == held


def test_an_object_is_enough_requests_for_every_worker_unless_the_job_says_how_large_they_are() -> None:
    told = {"MaxConcurrentTransforms": 2, "MaxPayloadInMB": 6}
    open_, said = (
        Limits.settle(Transform(items=()), told),
        Limits.settle(Transform(items=(), payload_mb=6), told),
    )
    assert [open_.aim(size) for size in (0, 32 << 20, 1 << 40)] == [1 << 18, 2 << 20, 6 << 20]
    assert [said.aim(size) for size in (0, 32 << 20, 1 << 40)] == [6 << 20] * 3


def test_every_object_has_its_answers_in_the_order_of_its_records(root: Path) -> None:
    files = {f"d{n}/x.csv": b"".join(b"%d-%d\n" % (n, row) for row in range(40)) for n in range(5)}
    slow = threading.Event()

    def model(body: bytes) -> Answer:
        slow.wait(0.001 * (len(body) % 3))  # so that answers overtake each other
        return 200, b"<" + body + b">"

    with serving(root, model) as server:
        words, outputs, log = drive(
            root, files, split="Line", strategy="SingleRecord", concurrency=4, payload_mb=1, lines=True
        )
    assert words == "done"
    wanted = {name: b"".join(b"<%b>\n" % line for line in text.splitlines()) for name, text in files.items()}
    assert outputs == wanted
    assert len(server.bodies) == 200 and server.most <= 4
    assert log == ["MaxConcurrentTransforms=4, MaxPayloadInMB=1, BatchStrategy=SINGLE_RECORD"]


def test_what_the_job_leaves_open_is_asked_of_the_server(root: Path) -> None:
    told = {"MaxConcurrentTransforms": 3, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 2}
    with serving(root, upper, told) as server:
        _, outputs, log = drive(root, {"x": b"a\nb\n"}, split="Line", payload_mb=5)
    assert log == ["MaxConcurrentTransforms=3, MaxPayloadInMB=5, BatchStrategy=SINGLE_RECORD"]
    assert outputs == {"x": b"AB"} and sorted(server.bodies) == [b"a", b"b"]


def test_a_server_that_tells_nothing_is_used_by_the_defaults(root: Path) -> None:
    with serving(root, upper) as server:
        _, outputs, log = drive(root, {"x": b"a\nb\n", "empty": b""}, split="Line", content_type="text/csv")
    assert log == ["MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD"]
    assert outputs == {"x": b"A\nB", "empty": b""} and server.bodies == [b"a\nb"]
    assert server.headers[0]["Content-Type"] == "text/csv" and "Accept" not in server.headers[0]


def test_without_a_limit_objects_are_streamed_whole(root: Path) -> None:
    big = os.urandom(3 << 20)
    with serving(root, lambda body: (200, body[::-1])) as server:
        words, outputs, _ = drive(root, {"x": big}, payload_mb=0, concurrency=1)
    assert words == "done" and outputs == {"x": big[::-1]}
    assert server.headers[0]["Transfer-Encoding"] == "chunked"


def test_an_object_that_is_refused_keeps_no_other_from_its_output(root: Path) -> None:
    def model(body: bytes) -> Answer:
        return (400, b'{"error": "no such column"}') if b"bad" in body else upper(body)

    files = {"a": b"1\n", "b": b"1\nbad\n2\n", "c": b"2\n", "d": b"bad\n"}
    with serving(root, model):
        words, outputs, log = drive(root, files, split="Line", strategy="SingleRecord", retries=3)
    assert words.startswith("ClientError: box/in/b: Bad HTTP status received from algorithm: 400 Message:")
    assert words.endswith('{"error": "no such column"} (2 objects failed.)')
    assert outputs == {"a": b"1", "c": b"2"}
    assert log[1:4] == [
        "box/in/b: Bad HTTP status received from algorithm: 400",
        "box/in/b: Message:",
        'box/in/b: {"error": "no such column"}',
    ]


@pytest.mark.parametrize("first", [500, 503, 429, 0])
def test_a_request_that_fails_is_sent_again(root: Path, first: int) -> None:
    answers = [(first, b"not now")]
    with serving(root, lambda body: answers.pop() if answers else upper(body)) as server:
        words, outputs, _ = drive(root, {"x": b"a"}, retries=1, payload_mb=1)
    assert words == "done" and outputs == {"x": b"A"} and server.bodies == [b"a", b"a"]


def test_a_connection_that_was_closed_while_idle_costs_no_try(root: Path) -> None:
    with serving(root, upper) as server:
        server.closes = True
        words, outputs, _ = drive(root, {"a": b"1", "b": b"2", "c": b"3"}, payload_mb=1, retries=0)
    assert words == "done" and len(outputs) == 3
    assert sorted(server.bodies) == [b"1", b"2", b"3"]


def test_gzip_that_is_none_is_told_when_streamed_too(root: Path) -> None:
    with serving(root, upper):
        words, outputs, _ = drive(root, {"a": b"plain"}, payload_mb=0, gunzip=True, retries=3)
    assert words.startswith("ClientError: box/in/a: it is not whole gzip data") and not outputs


def test_a_request_that_fails_for_good_says_what_the_model_said(root: Path) -> None:
    with serving(root, lambda body: (500, b"ValueError: boom")) as server:
        words, outputs, _ = drive(root, {"x": b"a"}, retries=1, payload_mb=1)
    assert words == (
        "AlgorithmError: box/in/x: Bad HTTP status received from algorithm: 500 Message: ValueError: boom"
    )
    assert not outputs and len(server.bodies) == 2


def test_a_model_that_is_too_slow_is_named(root: Path) -> None:
    over = threading.Event()

    def model(body: bytes) -> Answer:
        over.wait(90)
        return upper(body)

    with serving(root, model):
        words, outputs, _ = drive(root, {"x": b"a"}, timeout=1, payload_mb=1)
        over.set()
    assert words.startswith("AlgorithmError: box/in/x: Model server did not respond to /invocations")
    assert "no answer within 1 s" in words and not outputs


def test_the_time_for_an_answer_is_that_for_all_of_it(root: Path) -> None:
    over = threading.Event()

    def dripping(_: bytes) -> Answer:
        return 200, (b"." for _ in range(300) if not over.wait(0.1))

    with serving(root, dripping):
        words, outputs, _ = drive(root, {"x": b"a"}, timeout=1, payload_mb=1)
        over.set()
    assert "no answer within 1 s, which is InvocationsTimeoutInSeconds" in words and not outputs


def test_an_answer_that_is_larger_than_memory_should_hold_goes_to_the_disk(root: Path) -> None:
    pieces = [bytes([number]) * (1 << 20) for number in range(7)]
    with serving(root, lambda body: (200, b"".join(pieces) + body)):
        words, outputs, _ = drive(
            root,
            {"x": b"a\nb"},
            split="Line",
            strategy="SingleRecord",
            concurrency=20,
            payload_mb=1,
            lines=True,
        )
    assert words == "done" and outputs == {"x": b"".join([*pieces, b"a\n", *pieces, b"b\n"])}


def test_an_answer_that_is_too_large_to_be_joined_says_what_to_do(root: Path) -> None:
    sent = threading.Semaphore(0)

    def endless(_: bytes) -> Answer:
        return 200, (bytes(1 << 20) for _ in iter(sent.release, 1))

    with serving(root, endless):
        words, outputs, _ = drive(
            root, {"x": b"a"}, content_type="text/csv", join=True, concurrency=20, payload_mb=1, retries=3
        )
    assert words.startswith("AlgorithmError: box/in/x: The algorithm answered more than 5 MB to one request")
    assert "Lower MaxPayloadInMB" in words and not outputs
    assert all(sent.acquire(blocking=False) for _ in range(5)), "it was read up to the limit"


def test_an_object_that_is_too_large_to_be_filtered_whole_says_what_to_do(root: Path) -> None:
    with serving(root, upper):
        words, outputs, _ = drive(
            root,
            {"x": gzip.compress(bytes(101 << 20), 1)},
            content_type="text/csv",
            input_filter="$[0]",
            payload_mb=0,
            concurrency=1,
            gunzip=True,
        )
    assert words.startswith("ClientError: box/in/x: the object is larger than 100 MB") and not outputs


def test_what_cannot_be_cut_filtered_or_joined_is_the_caller_s_fault(root: Path) -> None:
    with serving(root, upper):
        files = {"big": b"a" * (1 << 20) + b"b", "csv": b"1,2\n3\n"}
        words, outputs, log = drive(
            root, files, split="Line", payload_mb=1, content_type="text/csv", input_filter="$[1]"
        )
    assert words.startswith("ClientError: box/in/big: a record is larger than MaxPayloadInMB, which is 1")
    assert not outputs
    assert log[-1].startswith("box/in/csv: InputFilter: $[1]: the index 1 is not within the 1 elements")


def test_a_line_of_the_ledger_that_was_cut_off_names_no_output(root: Path) -> None:
    with serving(root, upper):
        drive(root, {"a": b"1", "b": b"2"}, payload_mb=1)
    index = root / "run" / "transformed" / "index.jsonl"
    index.write_bytes(index.read_bytes()[:-1])
    assert list(finished(index.parent)) == ["a"]
    some, offset = since(index.parent, 0, 1)
    assert list(some) == ["a"] and offset == index.read_bytes().index(b"\n") + 1
    assert since(index.parent, offset, 1) == ({}, offset)


def test_what_a_dead_driver_left_unfinished_is_deleted(root: Path) -> None:
    with serving(root, upper):
        _, outputs, _ = drive(root, {"a": b"1", "b": b"2"}, payload_mb=1)
    job = JobDirectory(root.absolute() / "run")
    left = [job.path / "transformed" / name for name in ("2.out", "7.answer")]
    for each in left:
        each.write_bytes(b"half")
    discard_drafts(job)
    assert not any(each.exists() for each in left)
    assert {name: path.read_bytes() for name, path in finished(job.path / "transformed").items()} == outputs
