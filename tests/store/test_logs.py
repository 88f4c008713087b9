"""Log events: each exactly once, in order, in both directions."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.databases import opened
from tests.store.opened import ACCOUNT, NOON, REGION

from clary.core.clock import StoppedClock
from clary.core.errors import ApiError
from clary.store.log_reader import Events, Window
from clary.store.logs import Logs

PLACE = (ACCOUNT, REGION, "/aws/sagemaker/TrainingJobs", "job/algo-1")
GROUP = PLACE[:3]
T0 = int(NOON.timestamp() * 1000)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON)


@pytest.fixture
def logs(tmp_path: Path, clock: StoppedClock) -> Logs:
    return Logs(opened(tmp_path / "clary.db"), clock)


def lines(first: int, count: int) -> list[tuple[int, str]]:
    return [(T0 + number, f"line {number}") for number in range(first, first + count)]


def said(events: Events) -> list[str]:
    return [event.message for event in events.events]


def test_what_comes_twice_from_one_offset_is_kept_once(logs: Logs) -> None:
    assert logs.put(*PLACE, lines(0, 2), offset=0, next_offset=14) == 14
    assert logs.put(*PLACE, lines(0, 2), offset=0, next_offset=14) == 14
    assert logs.offset(*PLACE) == 14
    assert said(logs.read(*PLACE, Window())) == ["line 0", "line 1"]


def test_a_reader_that_is_ahead_is_told_where_to_resume(logs: Logs) -> None:
    logs.put(*PLACE, lines(0, 1), offset=0, next_offset=7)
    assert logs.put(*PLACE, lines(5, 1), offset=35, next_offset=42) == 7
    assert said(logs.read(*PLACE, Window())) == ["line 0"]


def test_reading_from_the_head_walks_to_the_end_and_then_repeats_its_token(logs: Logs) -> None:
    logs.put(*PLACE, lines(0, 5))
    first = logs.read(*PLACE, Window(from_head=True, limit=2))
    second = logs.read(*PLACE, Window(token=first.forward, limit=2))
    third = logs.read(*PLACE, Window(token=second.forward, limit=2))
    end = logs.read(*PLACE, Window(token=third.forward, limit=2))
    assert [said(e) for e in (first, second, third, end)] == [
        ["line 0", "line 1"],
        ["line 2", "line 3"],
        ["line 4"],
        [],
    ]
    assert end.forward == third.forward
    logs.put(*PLACE, lines(5, 1))
    assert said(logs.read(*PLACE, Window(token=end.forward))) == ["line 5"]


def test_reading_without_a_token_starts_with_the_newest_and_goes_back(logs: Logs) -> None:
    logs.put(*PLACE, lines(0, 5))
    newest = logs.read(*PLACE, Window(limit=2))
    before = logs.read(*PLACE, Window(token=newest.backward, limit=2))
    oldest = logs.read(*PLACE, Window(token=before.backward, limit=2))
    start = logs.read(*PLACE, Window(token=oldest.backward, limit=2))
    assert [said(e) for e in (newest, before, oldest, start)] == [
        ["line 3", "line 4"],
        ["line 1", "line 2"],
        ["line 0"],
        [],
    ]
    assert start.backward == oldest.backward
    assert said(logs.read(*PLACE, Window(token=start.forward, limit=9)))[0] == "line 0"


def test_a_token_of_an_empty_stream_finds_what_comes_later(logs: Logs) -> None:
    logs.create_group(*GROUP, {})
    logs.create_stream(*PLACE)
    empty = logs.read(*PLACE, Window(from_head=True))
    assert empty.events == ()
    logs.put(*PLACE, lines(0, 1))
    assert said(logs.read(*PLACE, Window(token=empty.forward))) == ["line 0"]


def test_a_window_includes_its_start_and_not_its_end(logs: Logs) -> None:
    logs.put(*PLACE, lines(0, 5))
    assert said(logs.read(*PLACE, Window(start=T0 + 1, end=T0 + 3))) == ["line 1", "line 2"]


def test_events_of_one_millisecond_keep_their_order_across_pages(logs: Logs) -> None:
    logs.put(*PLACE, [(T0, f"line {number}") for number in range(7)])
    seen, token = [], None
    for _ in range(4):
        page = logs.read(*PLACE, Window(token=token, from_head=True, limit=2))
        seen += said(page)
        token = page.forward
    assert seen == [f"line {number}" for number in range(7)]


def test_a_search_interleaves_streams_by_time(logs: Logs) -> None:
    logs.put(*PLACE, [(T0, "a0"), (T0 + 20, "a1")])
    logs.put(*GROUP, "job/algo-2", [(T0 + 10, "b0"), (T0 + 30, "b1")])
    logs.put(*GROUP, "other/algo-1", [(T0 + 5, "c0")])
    first = logs.search(*GROUP, Window(from_head=True, limit=2), prefix="job/")
    second = logs.search(*GROUP, Window(from_head=True, limit=2, token=first.forward), prefix="job/")
    assert [said(first), said(second)] == [["a0", "b0"], ["a1", "b1"]]
    assert second.forward is None
    newest = logs.search(*GROUP, Window(from_head=False, limit=2), streams=["job/algo-1", "other/algo-1"])
    assert said(newest) == ["a1", "c0"]


def test_a_search_with_a_test_pages_over_what_passes(logs: Logs) -> None:
    logs.put(*PLACE, lines(0, 5000))
    seen, token, pages = [], None, 0
    while pages == 0 or token is not None:
        found = logs.search(
            *GROUP, Window(from_head=True, token=token, limit=3), test=lambda m: m.endswith("99")
        )
        seen += said(found)
        token, pages = found.forward, pages + 1
    assert seen == [f"line {number}" for number in range(5000) if number % 100 == 99]


def test_large_answers_are_cut_to_the_size_limit_and_go_on(logs: Logs) -> None:
    logs.put(*PLACE, [(T0 + n, str(n) + "x" * 400_000) for n in range(5)])
    seen, token = 0, None
    for _ in range(4):
        page = logs.read(*PLACE, Window(token=token, from_head=True))
        assert len(page.events) <= 2
        seen, token = seen + len(page.events), page.forward
    assert seen == 5


def test_what_is_older_than_the_retention_is_gone(logs: Logs, clock: StoppedClock) -> None:
    logs.put(*PLACE, lines(0, 2))
    logs.retain(*GROUP, 1)
    clock.at += timedelta(days=1, milliseconds=1)
    assert said(logs.read(*PLACE, Window())) == ["line 1"]
    logs.retain(*GROUP, None)
    assert said(logs.read(*PLACE, Window())) == ["line 0", "line 1"]
    logs.retain(*GROUP, 1)
    logs.retain(*GROUP, None)
    assert said(logs.read(*PLACE, Window())) == ["line 1"]


def test_streams_are_listed_by_name_or_by_their_last_event(logs: Logs) -> None:
    for name, time in (("b", 3), ("a", 1), ("c", 2)):
        logs.put(*GROUP, name, [(T0 + time, "x")])
    assert [s.name for s in logs.streams(*GROUP, limit=9)] == ["a", "b", "c"]
    newest = logs.streams(*GROUP, by_time=True, descending=True, limit=2)
    assert [s.name for s in newest] == ["b", "c"]
    after = (newest[-1].last_event or 0, newest[-1].name)
    assert [s.name for s in logs.streams(*GROUP, by_time=True, descending=True, after=after, limit=2)] == [
        "a"
    ]


def test_absent_groups_and_streams_say_so(logs: Logs) -> None:
    for ask in (
        lambda: logs.read(*PLACE, Window()),
        lambda: logs.search(*GROUP, Window()),
        lambda: logs.streams(*GROUP, limit=1),
        lambda: logs.delete_group(*GROUP),
        lambda: logs.create_stream(*PLACE),
    ):
        with pytest.raises(ApiError, match="log group does not exist") as refused:
            ask()
        assert refused.value.code == "ResourceNotFoundException"
    logs.create_group(*GROUP, {})
    with pytest.raises(ApiError, match="log stream does not exist"):
        logs.read(*PLACE, Window())


def test_a_deleted_group_takes_everything_with_it(logs: Logs) -> None:
    logs.put(*PLACE, lines(0, 2), offset=0, next_offset=9)
    logs.delete_group(*GROUP)
    assert logs.offset(*PLACE) == 0
    logs.put(*PLACE, lines(2, 1), offset=0, next_offset=9)
    assert said(logs.read(*PLACE, Window())) == ["line 2"]
