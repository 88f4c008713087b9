"""What a gateway does beside the calls: turn by turn, and once more at the end."""

from __future__ import annotations

import asyncio

from clary.serving.turns import turns


def test_work_is_done_at_every_turn_and_once_more_at_the_end() -> None:
    async def run() -> int:
        stop, done = asyncio.Event(), 0

        async def work() -> None:
            nonlocal done
            done += 1
            if done == 3:
                stop.set()

        await asyncio.wait_for(turns(stop, work, every=0.01), 20)
        return done

    assert asyncio.run(run()) in (3, 4)


def test_work_that_fails_has_its_next_turn_all_the_same() -> None:
    async def run() -> int:
        stop, tried = asyncio.Event(), 0

        async def work() -> None:
            nonlocal tried
            tried += 1
            if tried == 2:
                stop.set()
            raise ValueError("for once")

        await asyncio.wait_for(turns(stop, work, every=0.01), 20)
        return tried

    assert asyncio.run(run()) in (2, 3)
