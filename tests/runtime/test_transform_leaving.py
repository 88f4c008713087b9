"""A worker that leaves while a transform goes on: what it did not read goes to another one, once."""

from __future__ import annotations

from pathlib import Path

from tests.runtime.transformed import drive, serving

LEAVING = b"HTTP/1.1 503 Bye\r\nX-Clary-Leaving: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def test_a_worker_that_leaves_between_two_requests_costs_no_try_and_no_request(root: Path) -> None:
    files = {"a": b"1", "b": b"2", "c": b"3"}
    with serving(root, lambda body: (200, body * 2)) as server:
        server.closes, server.farewell = True, LEAVING
        words, outputs, _ = drive(root, files, payload_mb=1, concurrency=1, strategy="MultiRecord", retries=0)
    assert (words, outputs) == ("done", {"a": b"11", "b": b"22", "c": b"33"})
    assert server.bodies == [b"1", b"2", b"3"]
