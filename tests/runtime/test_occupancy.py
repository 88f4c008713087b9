"""Who has an environment, and who a place among the calls: between processes too, killed ones included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from clary.runtime import occupancy
from clary.runtime.occupancy import Calls, Environment

HOLD = """
import sys, pathlib
from clary.runtime.occupancy import Calls, Environment
place = pathlib.Path(sys.argv[1])
environment, calls = Environment(place, "one"), Calls(place)
print(environment.take(), calls.take(3), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "endpoint"
    occupancy.open_place(folder, "one")
    return folder


def test_one_has_an_environment_at_a_time(place: Path) -> None:
    mine, theirs = Environment(place, "one"), Environment(place, "one")
    assert not occupancy.in_use(place, "one")
    assert mine.take()
    assert occupancy.in_use(place, "one")
    assert not theirs.take()
    mine.leave(1000.5)
    assert (occupancy.in_use(place, "one"), occupancy.last_used(place, "one")) == (False, 1000.5)
    assert theirs.take()


def test_an_environment_is_not_closed_under_a_call(place: Path) -> None:
    mine = Environment(place, "one")
    assert mine.take()
    assert not occupancy.close_place(place, "one")
    mine.leave(1.0)
    assert occupancy.close_place(place, "one")
    assert not mine.take()  # who had seen it before does not get it any more
    assert occupancy.last_used(place, "one") is None
    assert occupancy.close_place(place, "one")  # twice is harmless
    with pytest.raises(FileNotFoundError):
        Environment(place, "one")


def test_to_open_twice_changes_nothing(place: Path) -> None:
    assert occupancy.last_used(place, "one") == 0
    mine = Environment(place, "one")
    assert mine.take()
    mine.leave(7.0)
    occupancy.open_place(place, "one")
    assert occupancy.last_used(place, "one") == 7


def test_there_are_so_many_places_for_calls_and_no_more(place: Path) -> None:
    mine, theirs = Calls(place), Calls(place)
    assert [mine.take(3), theirs.take(3), mine.take(3), theirs.take(3)] == [0, 1, 2, None]
    assert [occupancy.calls(place, most) for most in (1, 2, 3, 200)] == [1, 2, 3, 3]
    mine.leave(0)
    assert (occupancy.calls(place, 200), theirs.take(3)) == (2, 0)
    mine.close()
    assert occupancy.calls(place, 200) == 2


def test_a_killed_process_has_nothing_any_more(place: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        assert process.stdout.readline() == "True 0\n"
        assert occupancy.in_use(place, "one")
        assert occupancy.calls(place, 3) == 1
        assert not Environment(place, "one").take()
        process.kill()
    assert not occupancy.in_use(place, "one")
    assert occupancy.calls(place, 3) == 0
    assert Environment(place, "one").take()


def test_nothing_is_left_of_an_endpoint_that_is_gone(place: Path) -> None:
    calls = Calls(place)
    assert not calls.gone()
    occupancy.forget_all(place)
    assert not place.exists()
    assert calls.gone()
    occupancy.forget_all(place)
