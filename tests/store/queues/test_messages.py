"""Messages on one file: none is lost by SIGKILL once it is acknowledged, none is had by two at once."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
from collections import Counter
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import Connection as SqlConnection
from tests.store.opened import records

from clary.core.clock import SystemClock
from clary.store.database import Database
from clary.store.objects.commit import Committer
from clary.store.queues import messages
from clary.store.queues.message import Counts, Handle, Outgoing, Queue, opened

_START = multiprocessing.get_context("spawn")
QUEUE = Queue(uid="q", arn="arn:aws:sqs:us-east-1:000000000000:q", fifo=False, retention=60)
FIFO = Queue(uid="f", arn="arn:aws:sqs:us-east-1:000000000000:f.fifo", fifo=True, retention=60)
NOON = 1_700_000_000_000


def send_one(message: Outgoing, connection: SqlConnection) -> None:
    messages.send(connection, "q", message, NOON)


def send_for_ever(directory: Path, done: Connection) -> None:
    """Send from several threads and tell each body only once it is acknowledged."""
    committer = Committer(records(directory, SystemClock()).database)
    telling = threading.Lock()

    def work(thread: int) -> None:
        number = 0
        while True:
            message = Outgoing(body=f"{thread}-{number}")
            committer.run(partial(send_one, message))
            with telling:
                done.send(message.body)
            number += 1

    for thread in range(8):
        threading.Thread(target=work, args=(thread,), daemon=True).start()
    threading.Event().wait()


def forget_all(handles: list[str], connection: SqlConnection) -> None:
    for handle in handles:
        messages.forget(connection, QUEUE, handle, NOON)


def receive_all(directory: Path, done: Connection) -> None:
    """Receive and delete until nothing is left, and tell what was had."""
    committer = Committer(records(directory, SystemClock()).database)
    had: list[str] = []
    while found := committer.run(lambda connection: messages.receive(connection, QUEUE, 10, 60, NOON)):
        had += [each.body for each in found]
        committer.run(partial(forget_all, [each.handle for each in found]))
    done.send(had)


def test_what_was_acknowledged_survives_sigkill(tmp_path: Path) -> None:
    records(tmp_path).database.close()
    ours, theirs = _START.Pipe(duplex=False)
    process = _START.Process(target=send_for_ever, args=(tmp_path, theirs))
    process.start()
    theirs.close()
    told = [ours.recv() for _ in range(150)]
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while True:
        try:
            told.append(ours.recv())
        except EOFError:
            break
    with Database(tmp_path / "clary.db").write() as connection:
        kept = []
        while found := messages.receive(connection, QUEUE, 10, 60, NOON):
            kept += [each.body for each in found]
    assert set(told) <= set(kept)
    assert len(kept) == len(set(kept)) <= len(told) + 8  # those that were under way may be there as well


def test_several_processes_share_the_messages(tmp_path: Path) -> None:
    database = records(tmp_path).database
    with database.write() as connection:
        for number in range(60):
            messages.send(connection, "q", Outgoing(body=str(number)), NOON)
    pipes = [_START.Pipe(duplex=False) for _ in range(2)]
    processes = [_START.Process(target=receive_all, args=(tmp_path, theirs)) for _, theirs in pipes]
    for process in processes:
        process.start()
    had = [body for ours, _ in pipes for body in ours.recv()]
    for process in processes:
        process.join()
    assert sorted(map(int, had)) == list(range(60))
    with database.read() as connection:
        assert messages.count(connection, QUEUE, NOON) == Counts(0, 0, 0)


def test_a_message_expires_by_the_queue_s_retention(tmp_path: Path) -> None:
    with records(tmp_path).database.write() as connection:
        messages.send(connection, "q", Outgoing(body="old"), NOON)
        messages.send(connection, "q", Outgoing(body="new"), NOON + 59_999)
        assert messages.count(connection, QUEUE, NOON + 60_000) == Counts(1, 0, 0)
        found = messages.receive(connection, QUEUE, 10, 0, NOON + 60_000)
        assert [each.body for each in found] == ["new"]
        assert not messages.has_some(connection, QUEUE, NOON + 120_000)


def test_visibility_ends_and_a_new_handle_takes_over(tmp_path: Path) -> None:
    with records(tmp_path).database.write() as connection:
        messages.send(connection, "q", Outgoing(body="x"), NOON)
        [first] = messages.receive(connection, QUEUE, 1, 5, NOON)
        assert messages.receive(connection, QUEUE, 1, 5, NOON + 4_999) == []
        [second] = messages.receive(connection, QUEUE, 1, 5, NOON + 5_000)
        assert (second.received, second.first_received, second.sent) == (2, NOON, NOON)
        messages.forget(connection, QUEUE, first.handle, NOON + 5_001)
        assert messages.count(connection, QUEUE, NOON + 5_001) == Counts(0, 1, 0)
        messages.hide(connection, QUEUE, second.handle, 60, NOON + 5_001)
        assert not messages.has_some(connection, QUEUE, NOON + 20_000)
        messages.forget(connection, QUEUE, second.handle, NOON + 20_000)
        assert messages.count(connection, QUEUE, NOON + 20_000) == Counts(0, 0, 0)


def test_a_duplicate_is_known_for_five_minutes(tmp_path: Path) -> None:
    one = Outgoing(body="x", group="g", duplicate_of="id")
    with records(tmp_path).database.write() as connection:
        first = messages.send(connection, "f", one, NOON)
        assert messages.send(connection, "f", one, NOON + messages.DUPLICATES_KEPT - 1) == first
        later = messages.send(connection, "f", one, NOON + messages.DUPLICATES_KEPT)
        assert later != first
        assert messages.send(connection, "g", one, NOON) != first


def test_a_group_waits_for_what_is_ahead_of_it(tmp_path: Path) -> None:
    with records(tmp_path).database.write() as connection:
        for number, (group, delay) in enumerate([("a", 10), ("a", 0), ("b", 0), ("a", 0)]):
            message = Outgoing(body=str(number), group=group, duplicate_of=str(number), delay=delay)
            messages.send(connection, "f", message, NOON)
        assert [each.body for each in messages.receive(connection, FIFO, 10, 5, NOON)] == ["2"]
        found = messages.receive(connection, FIFO, 2, 5, NOON + 10_000)
        assert [each.body for each in found] == ["0", "1"]
        assert [each.body for each in messages.receive(connection, FIFO, 9, 5, NOON + 10_000)] == ["2"]


def test_who_waits_is_told_which_queues_stir_and_when(tmp_path: Path) -> None:
    with records(tmp_path).database.write() as connection:
        assert messages.stirring(connection, [QUEUE, FIFO], NOON) == ([], 0)
        messages.send(connection, "q", Outgoing(body="x", delay=5), NOON)
        messages.send(connection, "f", Outgoing(body="x", group="g", duplicate_of="x"), NOON)
        assert messages.stirring(connection, [QUEUE, FIFO], NOON) == ([FIFO], NOON + 5_000)
        assert messages.stirring(connection, [QUEUE], NOON + 5_000) == ([QUEUE], 0)
        messages.receive(connection, FIFO, 1, 5, NOON)
        messages.send(connection, "f", Outgoing(body="y", group="g", duplicate_of="y"), NOON)
        assert messages.stirring(connection, [FIFO], NOON) == ([], NOON + 5_000)


def test_a_handle_that_is_none_opens_nothing() -> None:
    forged = [
        str(Handle("s", number, "x")) for number in (1 << 63, 10**30, -1)
    ]  # no database knows such numbers
    for text in ("", "x", "YQ==", "YTpiOmM=", "é", *forged):
        assert opened(text) is None


def test_a_queue_is_full_when_so_many_are_in_flight_and_not_before(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - rows of a test
    told: Counter[bool] = Counter()
    with records(tmp_path).database.write() as connection:
        for _ in range(60):
            messages.clear(connection, "q")
            for _ in range(chance.randrange(8)):
                queue = QUEUE if chance.random() < 0.7 else FIFO
                delay = chance.choice([0, 0, 0, 30])
                messages.send(connection, queue.uid, Outgoing(body="x", delay=delay), NOON)
            had = messages.receive(connection, QUEUE, chance.randrange(1, 9), 10, NOON)
            for each in chance.sample(had, chance.randrange(len(had) + 1)):
                messages.forget(connection, QUEUE, each.handle, NOON)
            for now in (NOON, NOON + 20_000):
                flying = messages.count(connection, QUEUE, now).in_flight
                for most in range(1, 7):
                    full = messages.is_full(connection, QUEUE, now, most)
                    assert full == (flying >= most), (flying, most)
                    told[full] += 1
    assert min(told[True], told[False]) > 20
