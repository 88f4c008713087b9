"""The loop over a real store: leases, guards, delays, and what it does when things go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from tests.databases import opened

from clary.controllers.loop import LEASE, Loop
from clary.controllers.step import Controller, Step
from clary.core import wake
from clary.core.clock import StoppedClock, SystemClock
from clary.core.document import Document
from clary.core.errors import TryAgain
from clary.resources.spec import Resource
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.records import Record, Records

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@dataclass
class Scripted:
    """A controller that does what the test says."""

    decide: Callable[[Record], Step]
    perform: Callable[[Record], Document] = lambda record: {}
    acted: list[str] = field(default_factory=list)
    resource: Resource = TRAINING_JOB

    def look(self, record: Record, now: datetime) -> Step:
        return self.decide(record)

    def act(self, record: Record, step: Step) -> Document:
        self.acted.append(step.effect)
        return self.perform(record)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON)


@pytest.fixture
def records(tmp_path: Path, clock: StoppedClock) -> Records:
    return Records(opened(tmp_path / "clary.db"), clock).scoped("000000000000", "us-east-1")


def create(records: Records, name: str = "j", due: datetime | None = NOON) -> Record:
    return records.create(TRAINING_JOB, {"TrainingJobName": name}, due=due)


def loop(records: Records, controller: Controller, clock: StoppedClock, owner: str = "a") -> Loop:
    return Loop(records, [controller], clock, owner=owner)


def reread(records: Records, record: Record) -> Record:
    found = records.by_uid(record.uid)
    assert found is not None
    return found


def test_a_due_record_takes_one_effect_one_write_and_a_new_date(
    records: Records, clock: StoppedClock
) -> None:
    job = create(records)
    step = Step(effect="start", write={"A": 1}, again=timedelta(seconds=3))
    controller = Scripted(lambda record: step, lambda record: {"B": 2})
    assert asyncio.run(loop(records, controller, clock).tend()) == 1
    after = reread(records, job)
    assert (after.doc["A"], after.doc["B"], after.due) == (1, 2, NOON + timedelta(seconds=3))
    assert asyncio.run(loop(records, controller, clock).tend()) == 0


def test_a_record_that_was_woken_goes_before_all_that_is_due(records: Records, clock: StoppedClock) -> None:
    parent = create(records, "parent", due=NOON + timedelta(seconds=10))
    for number in range(30):
        create(records, f"j{number}")
    seen: list[str] = []

    def decide(record: Record) -> Step:
        seen.append(record.name)
        return Step(again=None, wake="" if record.uid == parent.uid else parent.uid)

    ours = loop(records, Scripted(decide), clock)

    async def tend_twice() -> None:
        await ours.tend()
        await ours.tend()

    asyncio.run(tend_twice())
    assert "parent" in seen
    assert len(seen) < 30


def test_whom_a_step_wakes_is_taken_in_the_transaction_that_ends_the_step(
    records: Records, clock: StoppedClock
) -> None:
    names = ["job", "step", "execution", "next"]
    made = [create(records, name, due=NOON + timedelta(hours=number)) for number, name in enumerate(names)]
    wakes = {one.uid: other.uid for one, other in pairwise(made)}
    seen: list[str] = []

    def decide(record: Record) -> Step:
        seen.append(record.name)
        return Step(write={"A": 1}, again=None, wake=wakes.get(record.uid, ""))

    ours, written = loop(records, Scripted(decide), clock), list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        written.append(statement)

    event.listen(records.database.engine, "before_cursor_execute", note)
    asyncio.run(ours.tend())
    assert seen == names
    assert written.count("BEGIN IMMEDIATE") == 1 + len(names)  # one claim, and one settling each


def test_a_record_that_cannot_be_handed_on_is_heard_of_all_the_same(
    records: Records, clock: StoppedClock
) -> None:
    job, parent = create(records, "job"), create(records, "parent", due=NOON + timedelta(hours=1))
    other = Records(records.database, clock, "000000000000", "us-east-1")
    assert other.claim([TRAINING_JOB], "other", lease=LEASE, limit=1, hurry={parent.uid})
    seen: list[str] = []

    def decide(record: Record) -> Step:
        seen.append(record.name)
        return Step(again=None, wake=parent.uid if record.uid == job.uid else "")

    ours = loop(records, Scripted(decide), clock)

    async def tend_until_it_is_free() -> None:
        await ours.tend()
        assert seen == ["job"]
        clock.at += LEASE
        await ours.tend()

    asyncio.run(tend_until_it_is_free())
    assert seen == ["job", "parent"]


def test_a_step_whose_record_moved_hands_nothing_on_and_gives_its_lease_back(
    records: Records, clock: StoppedClock
) -> None:
    job, parent = create(records, "job"), create(records, "parent", due=NOON + timedelta(hours=1))
    seen: list[str] = []

    def decide(record: Record) -> Step:
        seen.append(record.name)
        if record.uid == job.uid and len(seen) == 1:
            records.update(record, {"Stopped": True}, due=NOON)
        return Step(again=None, wake=parent.uid if record.uid == job.uid else "")

    ours = loop(records, Scripted(decide), clock)
    asyncio.run(ours.tend())
    assert seen == ["job"]
    assert [each.name for each in records.claim([TRAINING_JOB], "b", lease=LEASE, limit=5)] == ["job"]


@pytest.mark.parametrize("workers", [1, 2])
def test_records_that_wake_each_other_again_and_again_do_not_keep_a_due_one_waiting(
    records: Records, clock: StoppedClock, workers: int
) -> None:
    chatty = [create(records, f"chatty{number}") for number in range(4)]
    other = dict(
        zip((each.uid for each in chatty), (each.uid for each in [*chatty[1:], chatty[0]]), strict=True)
    )
    patient = create(records, "patient")
    seen: list[str] = []

    def decide(record: Record) -> Step:
        seen.append(record.name)
        return Step(again=timedelta(seconds=10), wake=other.get(record.uid, ""))

    records.update(patient, {}, due=NOON + timedelta(seconds=1))
    ours = Loop(records, [Scripted(decide)], clock, owner="a", workers=workers)

    async def tend(times: int) -> None:
        for _ in range(times):
            await ours.tend()

    asyncio.run(tend(4))
    clock.at = NOON + timedelta(seconds=1)
    asyncio.run(tend(4))
    assert "patient" in seen


def test_a_wake_is_not_forgotten_while_the_store_cannot_be_asked(tmp_path: Path, clock: StoppedClock) -> None:
    class Failing(Records):
        broken = False

        def claim(self, *asked: Any, **more: Any) -> list[Record]:
            if self.broken:
                raise OSError("the disk is gone")
            return super().claim(*asked, **more)

    failing = Failing(opened(tmp_path / "clary.db"), clock, "000000000000", "us-east-1")
    parent, seen = create(failing, "parent", due=NOON + timedelta(seconds=10)), []
    create(failing)

    def decide(record: Record) -> Step:
        seen.append(record.name)
        return Step(again=None, wake="" if record.uid == parent.uid else parent.uid)

    ours = loop(failing, Scripted(decide), clock)

    async def tend() -> None:
        await ours.tend()
        failing.broken = True
        assert await ours.tend() == 0
        failing.broken = False
        await ours.tend()

    asyncio.run(tend())
    assert seen == ["j", "parent"]


def test_an_unexpected_error_is_logged_once_and_the_record_is_tried_again_later_each_time(
    records: Records, clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    def burst(record: Record) -> Step:
        raise ZeroDivisionError("bug")

    job = create(records)
    ours = loop(records, Scripted(burst), clock)
    waits = []
    for _ in range(3):
        assert asyncio.run(ours.tend()) == 1
        due = reread(records, job).due
        assert due is not None
        waits.append(due - clock.now())
        clock.at = due
    assert waits == [timedelta(seconds=0.5), timedelta(seconds=1), timedelta(seconds=2)]
    assert [entry.levelname for entry in caplog.records].count("ERROR") == 1


def test_a_slow_world_puts_a_record_off_without_a_trace(records: Records, clock: StoppedClock) -> None:
    def slow(record: Record) -> Step:
        raise TryAgain("busy", after=timedelta(seconds=7))

    job = create(records)
    asyncio.run(loop(records, Scripted(slow), clock).tend())
    after = reread(records, job)
    assert (after.due, after.version) == (NOON + timedelta(seconds=7), job.version)


def test_a_write_over_a_record_that_moved_is_refused_and_the_record_looked_at_again(
    records: Records, clock: StoppedClock
) -> None:
    def meddle(record: Record) -> Document:
        if not record.doc.get("Stop"):
            records.update(record, {"Stop": True}, due=NOON)
        return {}

    job = create(records)
    controller = Scripted(lambda record: Step(effect="start", write={"A": 1}), meddle)
    ours = loop(records, controller, clock)
    asyncio.run(ours.tend())
    assert "A" not in reread(records, job).doc
    assert asyncio.run(ours.tend()) == 1
    assert reread(records, job).doc["A"] == 1


def test_a_second_loop_on_the_same_store_takes_other_records_or_none(
    records: Records, clock: StoppedClock
) -> None:
    create(records)
    (held,) = records.claim([TRAINING_JOB], "a", lease=LEASE, limit=10)
    other = Scripted(lambda record: Step())
    assert asyncio.run(loop(records, other, clock, "b").tend()) == 0
    records.settle(held, "a", {}, due=NOON)
    assert asyncio.run(loop(records, other, clock, "b").tend()) == 1


def test_the_work_of_a_killed_loop_is_picked_up_when_its_lease_ends(
    records: Records, clock: StoppedClock
) -> None:
    create(records)
    records.claim([TRAINING_JOB], "killed", lease=LEASE, limit=10)
    ours = loop(records, Scripted(lambda record: Step()), clock, "b")
    clock.at = NOON + LEASE - timedelta(milliseconds=1)
    assert asyncio.run(ours.tend()) == 0
    clock.at = NOON + LEASE
    assert asyncio.run(ours.tend()) == 1


def test_a_successor_on_the_same_home_takes_over_at_once(records: Records, clock: StoppedClock) -> None:
    create(records)
    records.claim([TRAINING_JOB], "home:1", lease=LEASE, limit=10)
    assert records.disown("home:") == 1
    assert asyncio.run(loop(records, Scripted(lambda r: Step()), clock, "home:2").tend()) == 1


def test_a_step_that_ends_the_record_deletes_it(records: Records, clock: StoppedClock) -> None:
    job = create(records)
    asyncio.run(loop(records, Scripted(lambda record: Step(delete=True)), clock).tend())
    assert records.by_uid(job.uid) is None


def test_a_wake_brings_a_look_forward_and_stopping_lets_the_step_finish(tmp_path: Path) -> None:
    clock = SystemClock()
    records = Records(opened(tmp_path / "clary.db"), clock).scoped("000000000000", "us-east-1")
    job = create(records, due=clock.now() + timedelta(hours=1))
    bell = tmp_path / "wake.sock"

    async def main() -> None:
        stop = asyncio.Event()

        def finish(record: Record) -> Step:
            running.call_soon_threadsafe(stop.set)
            return Step(write={"Seen": True}, again=None)

        running = asyncio.get_running_loop()
        ours = Loop(records, [Scripted(finish)], clock, owner="a", bell=bell)
        task = asyncio.create_task(ours.run(stop))
        while not bell.exists():
            await asyncio.sleep(0)
        wake.send(bell, f"{job.uid}-1")
        await asyncio.wait_for(task, 60)

    asyncio.run(main())
    assert reread(records, job).doc["Seen"] is True


def test_a_wake_during_a_step_is_not_lost(tmp_path: Path) -> None:
    clock = SystemClock()
    records = Records(opened(tmp_path / "clary.db"), clock).scoped("000000000000", "us-east-1")
    job = create(records, due=clock.now())
    bell = tmp_path / "wake.sock"

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.get_running_loop()

        def look(record: Record) -> Step:
            looks = record.doc.get("Looks", 0)
            if looks == 0:
                wake.send(bell, record.uid)
            else:
                running.call_soon_threadsafe(stop.set)
            return Step(write={"Looks": looks + 1}, again=timedelta(hours=1))

        ours = Loop(records, [Scripted(look)], clock, owner="a", bell=bell)
        await asyncio.wait_for(ours.run(stop), 60)

    asyncio.run(main())
    assert reread(records, job).doc["Looks"] == 2
