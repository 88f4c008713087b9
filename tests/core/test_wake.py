"""A nudge arrives, and a lost one is no error."""

from __future__ import annotations

from pathlib import Path

from clary.core import wake


def test_many_nudges_are_one(tmp_path: Path) -> None:
    path = tmp_path / "wake.sock"
    with wake.listen(path) as receiver:
        wake.send(path)
        wake.send(path)
        assert wake.drain(receiver) == 2
        assert wake.drain(receiver) == 0


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    wake.send(tmp_path / "wake.sock")


def test_a_path_too_long_for_a_socket_address_works(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 120)
    directory.mkdir()
    with wake.listen(directory / "wake.sock") as receiver:
        wake.send(directory / "wake.sock")
        assert wake.drain(receiver) == 1
