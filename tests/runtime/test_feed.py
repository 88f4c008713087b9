"""Pipes: what is streamed, in which order, at whose pace."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
from tests.runtime.machine import Machine

from clary.core.ids import uid as new_uid
from clary.runtime.feed import LONGEST, MAGIC, of_epoch, parts, record, split
from clary.runtime.spec import Piece, Pipe, RunSpec

READ = "d='/opt/ml/input/data/';"


def start(machine: Machine, code: str, *pipes: Pipe) -> str:
    uid = new_uid()
    machine.runtime.start(
        RunSpec(
            uid=uid,
            image="tiny",
            program="train",
            command=("python", "-c", code),
            pipes=pipes,
            instance_type="ml.t3.medium",
        )
    )
    return uid


def objects(root: Path, *contents: bytes) -> tuple[tuple[Piece, ...], ...]:
    found = []
    for number, content in enumerate(contents):
        (root / f"o{number}").write_bytes(content)
        found.append((Piece(source=root / f"o{number}"),))
    return tuple(found)


def test_every_object_is_one_hosts_and_no_host_has_two_more_than_another() -> None:
    items = list(range(11))
    shares = [list(split(items, number, 3)) for number in range(3)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_seed_gives_each_epoch_its_own_order_and_the_same_one_again() -> None:
    items = list(range(50))
    first, second = of_epoch(items, 7, 0, (0, 1)), of_epoch(items, 7, 1, (0, 1))
    assert first != second and sorted(first) == sorted(second) == items
    assert of_epoch(items, 7, 0, (0, 1)) == first != of_epoch(items, 8, 0, (0, 1))
    assert of_epoch(items, None, 3, (0, 1)) == items
    assert set(of_epoch(items, 7, 1, (0, 2))) | set(of_epoch(items, 7, 1, (1, 2))) == set(items)


def test_a_record_has_its_length_and_ends_on_a_word() -> None:
    assert record(b"abcde") == struct.pack("<II", MAGIC, 5) + b"abcde\0\0\0"
    assert record(b"") == struct.pack("<II", MAGIC, 0)


def test_what_is_longer_than_a_record_may_be_is_numbered_in_parts() -> None:
    found = [
        (start, length, struct.unpack("<II", head)[1] >> 29)
        for start, length, head, _ in parts(2 * LONGEST + 5)
    ]
    assert found == [(0, LONGEST, 1), (LONGEST, LONGEST, 2), (2 * LONGEST, 5, 3)]


def test_epochs_follow_one_another_each_read_to_its_end(machine: Machine, tmp_path: Path) -> None:
    code = READ + "[print(e, open(f'{d}train_{e}').read()) for e in range(3)]"
    uid = start(machine, code, Pipe(channel="train", groups=objects(tmp_path, b"a,b\n", b"c,d\n")))
    assert machine.until(uid).exit_code == 0, machine.printed(uid)
    assert machine.printed(uid).split("\n\n") == [f"{e} a,b\nc,d" for e in range(3)] + [""]


def test_channels_are_read_side_by_side_and_an_epoch_may_be_left_early(
    machine: Machine, tmp_path: Path
) -> None:
    big = objects(tmp_path, b"x" * (8 << 20))
    code = READ + (
        "a=open(d+'train_0','rb'); b=open(d+'test_0','rb'); print(a.read(3), b.read(3)); a.close();"
        "print(len(open(d+'train_1','rb').read()), len(b.read()))"
    )
    uid = start(machine, code, Pipe(channel="train", groups=big), Pipe(channel="test", groups=big))
    assert machine.until(uid).exit_code == 0, machine.printed(uid)
    assert machine.printed(uid).splitlines() == ["b'xxx' b'xxx'", f"{8 << 20} {(8 << 20) - 3}"]


def test_a_program_that_reads_no_pipe_ends_as_it_would(machine: Machine, tmp_path: Path) -> None:
    uid = start(machine, "print('bye')", Pipe(channel="train", groups=objects(tmp_path, b"x")))
    assert machine.until(uid).exit_code == 0
    assert machine.printed(uid) == "bye\n"


def test_a_slow_reader_slows_the_feeding_down(machine: Machine, tmp_path: Path) -> None:
    many = objects(tmp_path, *[bytes([n]) * (4 << 20) for n in range(8)])
    code = READ + (
        "f=open(d+'train_0','rb'); f.read(1)\n"
        "import fcntl,array,termios; n=array.array('i',[0]); fcntl.ioctl(f, termios.FIONREAD, n)\n"
        "print(n[0] <= 1<<20, 1 + len(f.read()))"
    )
    uid = start(machine, code, Pipe(channel="train", groups=many))
    machine.until(uid)
    assert machine.printed(uid) == f"True {32 << 20}\n"


@pytest.mark.parametrize("wrapped", [False, True])
def test_gzip_is_unpacked_on_the_way(machine: Machine, tmp_path: Path, wrapped: bool) -> None:
    packed = objects(tmp_path, gzip.compress(b"one\n"), gzip.compress(b"two\n"))
    pipe = Pipe(channel="train", groups=packed, gunzip=True, wrapped=wrapped)
    uid = start(machine, READ + "print(open(d+'train_0','rb').read().hex())", pipe)
    assert machine.until(uid).exit_code == 0, machine.printed(uid)
    expected = record(b"one\n") + record(b"two\n") if wrapped else b"one\ntwo\n"
    assert bytes.fromhex(machine.printed(uid)) == expected


def test_an_object_that_is_not_gzip_ends_the_run_and_says_so(machine: Machine, tmp_path: Path) -> None:
    pipe = Pipe(channel="train", groups=objects(tmp_path, b"plain"), gunzip=True)
    uid = start(machine, READ + "open(d+'train_0').read(); import time; time.sleep(600)", pipe)
    seen = machine.until(uid)
    assert seen.failure.startswith("ClientError: An object of the channel train is not whole gzip data")


def test_a_group_stays_together_in_every_order(machine: Machine, tmp_path: Path) -> None:
    groups = tuple((Piece(text=f"{n}:"), Piece(text=f"{n};")) for n in range(20))
    code = READ + "[print(open(f'{d}train_{e}').read()) for e in range(2)]"
    uid = start(machine, code, Pipe(channel="train", groups=groups, seed=3))
    machine.until(uid)
    first, second = machine.printed(uid).split()
    pairs = sorted(f"{n}:{n}" for n in range(20))
    assert sorted(first.strip(";").split(";")) == sorted(second.strip(";").split(";")) == pairs
    assert first != second


def test_a_pipe_that_the_program_turned_into_a_link_is_not_followed(machine: Machine, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    code = READ + (f"import os; os.unlink(d+'train_0'); os.symlink('{victim}', d+'train_0'); print('done')")
    uid = start(machine, code, Pipe(channel="train", groups=objects(tmp_path, b"theirs")))
    machine.until(uid)
    assert victim.read_text() == "mine"
