"""When schedules are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.engines.events import cron
from clary.engines.events.schedule import ScheduleFault, read, zone

BERLIN = zone("Europe/Berlin")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday


def times(text: str, after: datetime, count: int, place: str = "UTC") -> list[str]:
    schedule, found = read(text, zone(place)), []
    for _ in range(count):
        coming = schedule.next(after, NOON)
        if coming is None:
            break
        found.append(coming.strftime("%Y-%m-%dT%H:%M"))
        after = coming
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cron(0 10 * * ? *)", ["2026-11-24T10:00", "2026-11-25T10:00"]),
        ("cron(15 12 * * ? *)", ["2026-11-23T12:15", "2026-11-24T12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-11-23T18:00", "2026-11-24T18:00"]),
        ("cron(0 8 1 * ? *)", ["2026-12-01T08:00", "2027-01-01T08:00"]),
        ("cron(0/15 * * * ? *)", ["2026-11-23T12:15", "2026-11-23T12:30"]),
        ("cron(0/10 * ? * MON-FRI *)", ["2026-11-23T12:10", "2026-11-23T12:20"]),
        ("cron(0 0 L * ? *)", ["2026-11-30T00:00", "2026-12-31T00:00"]),
        ("cron(0 0 LW * ? *)", ["2026-11-30T00:00", "2026-12-31T00:00"]),
        ("cron(0 0 3W * ? *)", ["2026-12-03T00:00", "2027-01-04T00:00"]),
        ("cron(0 0 L-2 * ? *)", ["2026-11-28T00:00", "2026-12-29T00:00"]),
        ("cron(0 0 ? * 3#2 *)", ["2026-12-08T00:00", "2027-01-12T00:00"]),
        ("cron(0 0 ? * FRIL *)", ["2026-11-27T00:00", "2026-12-25T00:00"]),
        ("cron(0 0 ? * L *)", ["2026-11-28T00:00", "2026-12-05T00:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron(0 0 1 JAN,JUN ? 2027-2028/1)", ["2027-01-01T00:00", "2027-06-01T00:00"]),
        ("cron(0 0 1 1 ? 2025)", []),
        ("rate(5 minutes)", ["2026-11-23T12:05", "2026-11-23T12:10"]),
        ("rate(1 day)", ["2026-11-24T12:00", "2026-11-25T12:00"]),
        ("at(2026-11-24T01:02:03)", ["2026-11-24T01:02"]),
        ("at(2026-11-23T12:00:00)", []),
    ],
)
def test_an_expression_means_times(text: str, wanted: list[str]) -> None:
    assert times(text, NOON, 2) == wanted


def test_a_zone_moves_its_times_with_its_clocks() -> None:
    march = datetime(2027, 3, 27, tzinfo=UTC)
    assert times("cron(0 9 * * ? *)", march, 3, "Europe/Berlin") == [
        "2027-03-27T08:00",
        "2027-03-28T07:00",
        "2027-03-29T07:00",
    ]
    assert times("at(2027-07-01T09:00:00)", march, 1, "America/New_York") == ["2027-07-01T13:00"]


def test_a_time_that_clocks_are_put_forward_over_is_left_out() -> None:
    found = times("cron(30 2 * * ? *)", datetime(2027, 3, 27, tzinfo=UTC), 2, "Europe/Berlin")
    assert found == ["2027-03-27T01:30", "2027-03-29T00:30"]


def test_a_time_that_comes_twice_is_acted_on_once() -> None:
    found = times("cron(30 2 * * ? *)", datetime(2027, 10, 30, 12, tzinfo=UTC), 2, "Europe/Berlin")
    assert found == ["2027-10-31T00:30", "2027-11-01T01:30"]


@pytest.mark.parametrize(
    "text",
    [
        "every day",
        "rate(0 minutes)",
        "rate(5 weeks)",
        "rate(five minutes)",
        "cron(0 10 * * *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 32 * ? *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * MON#6 *)",
        "cron(5-1 0 * * ? *)",
        "cron(0/0 0 * * ? *)",
        "cron(0 0 * FOO ? *)",
        "at(2026-13-01T00:00:00)",
        "at(2026-11-23 12:00)",
    ],
)
def test_what_means_no_time_is_refused(text: str) -> None:
    with pytest.raises(ScheduleFault):
        read(text)


def test_rules_want_the_unit_to_agree_with_the_number() -> None:
    for text in ("rate(1 minutes)", "rate(5 minute)"):
        assert read(text).period
        with pytest.raises(ScheduleFault, match="1 minute"):
            read(text, strict=True)
    with pytest.raises(ScheduleFault, match="it must be rate"):
        read("at(2026-11-23T12:00:00)", once=False)


def test_an_unknown_zone_is_refused() -> None:
    for name in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(ScheduleFault, match="no time zone"):
            zone(name)


def test_the_last_time_is_one_of_the_next_ones() -> None:
    schedule = read("rate(7 minutes)")
    assert schedule.last(NOON, NOON + timedelta(minutes=30), NOON) == NOON + timedelta(minutes=28)
    assert schedule.last(NOON, NOON + timedelta(minutes=6), NOON) is None
    daily = read("cron(0 9 * * ? *)", BERLIN)
    assert daily.last(NOON, NOON + timedelta(days=3), NOON) == datetime(2026, 11, 26, 8, tzinfo=UTC)
    assert daily.last(NOON, NOON + timedelta(hours=3), NOON) is None


LOCAL = NOON.replace(tzinfo=None)
FIELDS = st.sampled_from(["*", "0", "5,20", "0/20", "10-30/7"])
HOURS = st.sampled_from(["*", "3", "0-12/5", "22,23"])
DAYS = st.sampled_from([("*", "?"), ("1", "?"), ("L", "?"), ("?", "MON-FRI"), ("?", "1,7"), ("?", "6#3")])


@given(FIELDS, HOURS, DAYS, st.datetimes(LOCAL, LOCAL + timedelta(days=1000)))
def test_the_next_time_fits_and_none_before_it_does(
    minute: str, hour: str, days: tuple[str, str], moment: datetime
) -> None:
    expression = cron.read(f"{minute} {hour} {days[0]} * {days[1]} *")
    found = next(expression.after(moment))
    assert found > moment
    assert (found.minute in expression.minutes, found.hour in expression.hours) == (True, True)
    last = found - timedelta(minutes=1)
    assert next(expression.after(last)) == found
    between = moment + (found - moment) / 2
    assert next(expression.after(between)) == found
