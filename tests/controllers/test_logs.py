"""How output becomes log events: whole lines, once, in pieces that fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.controllers.worlds import ACCOUNT, NOON, REGION, World

from clary.controllers.logs import LONGEST, Stream, cut, events, ingest

STREAM = Stream(ACCOUNT, REGION, "/group", "stream")


@pytest.mark.parametrize(
    ("data", "final", "lines", "taken"),
    [
        (b"a\nb\npart", False, ["a", "b"], 4),
        (b"a\nb\npart", True, ["a", "b", "part"], 8),
        (b"part", False, [], 0),
        (b"", True, [], 0),
        (b"10%\r50%\r100%\n", False, ["100%"], 13),
        (b"windows\r\n\n", False, ["windows"], 10),
        (b"\x1b[1mbold\x1b[0m\n", False, ["\x1b[1mbold\x1b[0m"], 13),
        (b"\xff\n", False, ["\ufffd"], 2),
    ],
)
def test_output_is_cut_at_line_ends(data: bytes, final: bool, lines: list[str], taken: int) -> None:
    assert cut(data, final=final) == (lines, taken)


def test_a_line_too_long_is_cut_between_characters_and_does_not_wait_for_its_end() -> None:
    data = b"a" * (LONGEST - 1) + "é".encode() * 10
    (first,), taken = cut(data, final=False)
    assert (first, taken) == ("a" * (LONGEST - 1), LONGEST - 1)
    assert cut(data, final=True)[0] == [first, "é" * 10]


def test_output_pulled_twice_or_by_two_is_logged_once(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    printed, logs = world.runtime.printed, world.means.logs
    printed["u"] = b"one\ntwo\nthr"
    assert ingest(world.runtime, "u", logs, STREAM, NOON, ended=False)
    printed["u"] += b"ee\nfour"
    for ended in (False, True, True):
        ingest(world.runtime, "u", logs, STREAM, NOON, ended=ended)
    assert [text for _, text in events(logs, STREAM)] == ["one", "two", "three", "four"]


def test_much_output_is_taken_in_several_looks(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    line = b"x" * 1023 + b"\n"
    world.runtime.printed["u"] = line * (9 * 1024)
    assert not ingest(world.runtime, "u", world.means.logs, STREAM, NOON, ended=True)
    assert ingest(world.runtime, "u", world.means.logs, STREAM, NOON, ended=True)
    assert sum(1 for _ in events(world.means.logs, STREAM)) == 9 * 1024
