"""A model server's connection gives up when it said it would, and serves the next call on the same line."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from tests.serving.test_router import Model, ok

from clary.serving.connection import Host


def test_an_answer_that_does_not_come_in_time_is_given_up_and_the_next_call_is_not(tmp_path: Path) -> None:
    hold = threading.Event()

    def answer(line: str, headers: dict[str, str], body: bytes) -> bytes:
        if body == b"slow":
            hold.wait(10)
            return b""
        return ok(body)

    model = Model(tmp_path / "m.sock", answer)

    async def ask() -> None:
        host = Host("uid", model.path)
        for body, patience in ((b"first", 600.0), (b"second", 60.0), (b"third", 60.0)):
            told = await host.ask(_head(body), body, patience)
            assert told.body == body
        with pytest.raises(TimeoutError):
            await host.ask(_head(b"slow"), b"slow", 0.2)
        assert host.load == 0
        hold.set()
        assert (await host.ask(_head(b"last"), b"last", 5.0)).body == b"last"
        host.close()

    asyncio.run(ask())
    assert model.connections == 2
    model.close()


def _head(body: bytes) -> bytes:
    return b"POST /invocations HTTP/1.1\r\nHost: m\r\nContent-Length: %d\r\n\r\n" % len(body)
