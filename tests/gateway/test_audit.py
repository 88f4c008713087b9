"""The audit log goes on where it stopped, even after a crash in the middle of a line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from clary.gateway.audit import Audit, Entry, broken_lines


def write(path: Path, *requests: str) -> None:
    audit = Audit(path)
    for request in requests:
        audit.add(
            Entry(time=datetime(2026, 1, 1, tzinfo=UTC), request_id=request, operation='a "quoted" one')
        )
    audit.close()


def test_a_restart_carries_the_chain_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write(path, "one", "two")
    write(path, "three")
    lines = path.read_text().splitlines()
    assert len(lines) == 3
    assert list(broken_lines(lines)) == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_cut_short_stays_visible_and_the_chain_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write(path, "one")
    with path.open("a") as file:
        file.write('{"time":"2026-')
    write(path, "two", "three")
    lines = path.read_text().splitlines()
    assert len(lines) == 4
    assert list(broken_lines(lines)) == [2]
