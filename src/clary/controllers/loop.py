"""The one loop behind every lifecycle: claim what is due, ask the world, decide, act once, write once.

What it guarantees, so that no controller repeats it: a claim is a lease, so a dead loop's work is picked up;
a write carries the version it read and the lease it holds, and is refused if either is gone; effects run
outside any transaction; a wake only brings a look forward, it is never the reason for a step; an error
costs a delay, never a record.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from clary.controllers.step import NONE, Controller, Step
from clary.core import wake
from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import Moved, TryAgain
from clary.store.records import Record, Records

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

HANDED = 3  # Records that one step is handed on to, one after the other: job, step, execution, next step.
LEASE = timedelta(seconds=5)  # How long a killed loop's work rests before another takes it.
CHORES = timedelta(minutes=1)  # Between rounds of housekeeping.
POLL = timedelta(seconds=1)  # The longest a record that became due unannounced waits.
FIRST_BACKOFF = timedelta(milliseconds=500)
LONGEST_BACKOFF = timedelta(seconds=60)


class Loop:
    """Tends the records of its controllers' kinds. Any number of loops may share a store."""

    def __init__(
        self,
        records: Records,
        controllers: Sequence[Controller],
        clock: Clock,
        *,
        owner: str,
        bell: Path | None = None,
        lease: timedelta = LEASE,
        workers: int = 8,
        chore: Callable[[], object] | None = None,
    ) -> None:
        self._records = records
        self._controllers = {(each.resource.service, each.resource.kind): each for each in controllers}
        self._kinds = [each.resource for each in controllers]
        self._clock = clock
        self._owner = owner
        self._bell = bell
        self._lease = lease
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="controller")
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: set[str] = set()
        self._heard: set[str] = set()
        self._odd = False  # Whose turn it is where there is room for one: what was heard of, or what is due.
        self._troubles: dict[str, int] = {}
        self._looks: dict[str, datetime] = {}
        self._stir = asyncio.Event()
        self._chore = chore

    async def run(self, stop: asyncio.Event) -> None:
        """Tend records until `stop` is set; then finish the steps under way and hand back."""
        watch = asyncio.create_task(self._until(stop))
        chores = asyncio.create_task(self._do_chores())
        try:
            with self._listening():
                while not stop.is_set():
                    if not await self._start_due():
                        await self._rest()
        finally:
            watch.cancel()
            chores.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._pool.shutdown()

    async def tend(self) -> int:
        """Take one step with every record that is due now, and return how many there were."""
        started = await self._start_due()
        await asyncio.gather(*self._tasks)
        return started

    async def _start_due(self) -> int:
        """Start a step with each record that was heard of or is due, as far as there is room for them."""
        while (room := self._workers - len(self._tasks)) > 0:
            hurry = self._next_heard(room)
            self._heard -= hurry
            try:
                claimed = await self._in_thread(partial(self._claim, room, hurry))
            except TryAgain as slow:
                self._heard |= hurry
                log.warning("could not ask for due records: %s", slow)
                await asyncio.sleep(slow.after.total_seconds())
                return 0
            except Exception:
                self._heard |= hurry
                log.exception("could not ask for due records")
                return 0
            for record in claimed:
                self._start(record)
            if claimed or self._heard <= self._busy:
                return len(claimed)
        return 0

    def _next_heard(self, room: int) -> set[str]:
        """Take half of the room for records that were heard of: what is due is not to wait for ever."""
        self._odd = not self._odd
        most = (room + self._odd) // 2
        return set(islice((uid for uid in self._heard if uid not in self._busy), most))

    def _start(self, record: Record) -> None:
        self._busy.add(record.uid)
        task = asyncio.create_task(self._tend(record))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _claim(self, room: int, hurry: set[str]) -> list[Record]:
        return self._records.claim(self._kinds, self._owner, lease=self._lease, limit=room, hurry=hurry)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._stir.set()

    async def _tend(self, record: Record) -> None:
        """Take one step with one record, and with those that it wakes, as far as they are handed on to it."""
        following: Record | None = record
        for left in range(HANDED, -1, -1):
            if following is not None:
                following = await self._tend_one(following, left)
        self._stir.set()

    async def _tend_one(self, record: Record, left: int) -> Record | None:
        """Take one step with one record; whatever goes wrong, the record is looked at again."""
        renewing = asyncio.create_task(self._renew(record))
        following: Record | None = None
        try:
            waiting, following = await self._in_thread(lambda: self._step(record, left))
            if following is not None:
                self._busy.add(following.uid)
            elif waiting:
                self._heard.add(waiting)
            self._troubles.pop(record.uid, None)
        except Moved:
            self._stir.set()  # settling gave the lease back, and the writer left the record due
        except TryAgain as slow:
            log.info("%s: %s", record.arn, slow)
            await self._put_off(record, slow.after)
        except Exception:
            await self._put_off(record, self._after_trouble(record))
        finally:
            renewing.cancel()
            self._busy.discard(record.uid)
        return following

    def _step(self, record: Record, left: int) -> tuple[str, Record | None]:
        """Look, act and write; return the uid of the record that waits for it, and that record if claimed."""
        controller = self._controllers[record.service, record.kind]
        step = controller.look(record, self._clock.now())
        more: Document | Step = {} if step.effect == NONE else controller.act(record, step)
        if isinstance(more, Step):
            step, more = more, {}
        # Not where there is no room for others: what wakes each other is not to keep the rest waiting.
        hands = bool(step.wake) and left > 0 and len(self._tasks) < self._workers
        if not hands or step.delete:
            self._write(record, step, more)
            return step.wake, None
        moved: Moved | None = None
        following: Record | None = None
        with self._records.database.write():  # one transaction: what is written, and who goes on
            try:
                self._write(record, step, more)
                following = self._records.take(self._kinds, step.wake, self._owner, lease=self._lease)
            except Moved as refused:  # the lease that it gave back is to stay given back
                moved = refused
        if moved:
            raise moved
        return step.wake, following

    def _write(self, record: Record, step: Step, more: Document) -> None:
        if step.delete:
            self._records.delete(record)
            self._looks.pop(record.uid, None)
            return
        due = None if step.again is None else self._clock.now() + step.again
        self._records.settle(record, self._owner, {**step.write, **more}, remove=step.remove, due=due)
        self._remember(record, due)

    def _remember(self, record: Record, due: datetime | None) -> None:
        if due is None:
            self._looks.pop(record.uid, None)
        else:
            self._looks[record.uid] = due

    def _after_trouble(self, record: Record) -> timedelta:
        times = self._troubles.get(record.uid, 0)
        self._troubles[record.uid] = times + 1
        if times == 0:
            log.exception("%s: a step failed and will be tried again", record.arn)
        else:
            log.debug("%s: a step failed again", record.arn, exc_info=True)
        return min(FIRST_BACKOFF * (1 << min(times, 10)), LONGEST_BACKOFF)

    async def _put_off(self, record: Record, delay: timedelta) -> None:
        due = self._clock.now() + delay
        try:
            with contextlib.suppress(Moved):  # which gives the lease back as well
                await self._in_thread(lambda: self._records.settle(record, self._owner, {}, due=due))
            self._remember(record, due)
        except Exception:
            log.exception("%s: not put off; its lease ends by itself", record.arn)

    async def _renew(self, record: Record) -> None:
        """Keep the lease while a long effect runs."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            with contextlib.suppress(Exception):
                await asyncio.to_thread(self._records.renew, record, self._owner, lease=self._lease)

    async def _rest(self) -> None:
        """Wait for a wake, the end of a step, the next look we know of, or the poll."""
        now = self._clock.now()
        wait = POLL
        if len(self._tasks) < self._workers:
            wait = min([POLL, *(due - now for due in self._looks.values())])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stir.wait(), max(wait.total_seconds(), 0.005))
        self._stir.clear()
        now = self._clock.now()
        self._looks = {uid: due for uid, due in self._looks.items() if due > now}

    async def _do_chores(self) -> None:
        """Do what has to be done now and then, at the start first."""
        while self._chore is not None:
            try:
                await self._in_thread(self._chore)
            except TryAgain as slow:
                log.warning("a chore will be tried again: %s", slow)
            except Exception:
                log.exception("a chore failed and will be tried again")
            await asyncio.sleep(CHORES.total_seconds())

    async def _until(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stir.set()

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        if self._bell is None:
            yield
            return
        loop = asyncio.get_running_loop()
        with contextlib.closing(wake.listen(self._bell)) as receiver:

            def hear() -> None:
                self._heard |= {subject.partition("-")[0] for subject in wake.heard(receiver)}
                self._stir.set()

            loop.add_reader(receiver.fileno(), hear)
            try:
                yield
            finally:
                loop.remove_reader(receiver.fileno())

    def _in_thread(self, work: Callable[[], Answer]) -> Awaitable[Answer]:
        return asyncio.get_running_loop().run_in_executor(self._pool, work)
