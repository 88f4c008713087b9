"""Works off asynchronous requests: claims as many as the endpoints' hosts have room for, and asks them.

One per process, in a thread of its own beside the controllers' loop (ADR 16). Everything it knows it reads
again at each look: an endpoint's hosts from its record, the requests from their table.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clary.core.document import Document
from clary.core.errors import TryAgain
from clary.engines.inference.asynchronous import concurrent, config_of
from clary.resources.inference.endpoint import ENDPOINT
from clary.serving.asynchronous.doors import Doors, Endpoint, Host
from clary.serving.asynchronous.settlement import Ended
from clary.serving.asynchronous.settling import Settling
from clary.serving.asynchronous.work import Work
from clary.serving.connection import HostLost, Unsent
from clary.serving.holding import want
from clary.store.record import Record

TICK = 0.02  # Seconds between looks whether anything was written at all: one PRAGMA each.
LOOK = 1.0  # Seconds between looks at the queues though nothing was written.
RENEW = 10.0  # Seconds between renewals of claims, which hold for 30.
REPORT = 10.0  # Seconds between points of the backlog's metrics.
WANT = 5.0  # Seconds after which a first host is asked for again.
REST = 1.0  # Seconds for which a host that was lost is not asked.
THREADS = 8
EXPIRED_AT_ONCE = 100
UNSETTLED = 256  # Requests that may be claimed at a time: their answers are in memory until they are settled.
Begun = tuple[Work, str]
"""A claimed request, and the host that it was given to; none for one that is too old."""

_log = logging.getLogger(__name__)


class Driver:
    """Drives the requests of every endpoint."""

    def __init__(self, doors: Doors) -> None:
        self._doors, self._invocations = doors, doors.invocations
        self._watch = doors.records.database.watch()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="invocation")
        self._busy: Counter[str] = Counter()
        self._resting: dict[str, float] = {}
        self._wanted: dict[str, float] = {}
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._freed = False
        self._settling = Settling(doors, self._pool)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; what is under way then is given back."""
        while not stop.is_set():
            try:
                asyncio.run(self._run(stop))
            except Exception:
                _log.exception("asynchronous requests are not worked off for a second")
                stop.wait(1)
        self._pool.shutdown()

    async def _run(self, stop: threading.Event) -> None:
        seen, look_at, renew_at, report_at = -1, 0.0, 0.0, 0.0
        self._settling = Settling(self._doors, self._pool)
        settling = asyncio.create_task(self._settling.run())
        while not stop.is_set():
            now, version = time.monotonic(), self._watch()
            if version != seen or self._freed or now >= look_at:
                seen, self._freed, look_at = version, False, now + LOOK
                await self._try(self._look)
            self._doors.attendance.attend({uid for uid, count in [*self._busy.items()] if count})
            if now >= renew_at and self._tasks:
                renew_at = now + RENEW
                await self._try(self._renew)
            if now >= report_at:
                report_at = now + REPORT
                await self._try(self._report)
            await asyncio.sleep(TICK)
        self._doors.attendance.attend(set())
        for task in self._tasks:
            task.cancel()
        settling.cancel()
        await asyncio.gather(settling, *self._tasks, return_exceptions=True)
        await self._try(self._report)

    async def _try(self, work: Callable[[], Sequence[Begun] | None]) -> None:
        """Do a piece of work in the pool; what goes wrong is tried again the next time."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except TryAgain as slow:
            _log.warning("asynchronous requests wait: %s", slow)
            return
        except Exception:
            _log.exception("asynchronous requests could not be looked at and will be tried again")
            return
        for each in found or ():
            self._begin(each)

    def _begin(self, work: Begun) -> None:
        mine, host = work
        task = asyncio.create_task(self._carry_out(mine, host))
        self._tasks[task] = mine.one.id
        task.add_done_callback(self._tasks.pop)

    async def _carry_out(self, work: Work, host: str) -> None:
        """Ask and settle, or let somebody else do it. No host is asked about a request that is too old."""
        settled, tried = False, False
        try:
            ended = work.settlement(await self._ask(work, host) if host else work.too_old())
            while not settled:
                try:
                    await self._settling.settle(ended)
                    settled = True
                except (TryAgain, OSError) as error:
                    _log.warning("the answer of an asynchronous request is kept later: %s", error)
                    await asyncio.sleep(1)
        except HostLost as error:
            _log.info("a host was lost over an asynchronous request: %s", error)
            self._resting[host] = time.monotonic() + REST
            tried = not isinstance(error, Unsent) and not self._draining(work.endpoint.uid, host)
        except Exception:
            _log.exception("an asynchronous request could not be worked off and will be tried again")
            self._resting[host] = time.monotonic() + REST
        finally:
            work.discard()
            if not settled:
                with contextlib.suppress(TryAgain):  # then the lease runs out
                    self._invocations.give_back(work.one.id, tried=tried)

    async def _ask(self, work: Work, host: str) -> Ended:
        """Ask a host, which has room for another from then on, though the answer is still to be settled."""
        try:
            return await work.ask()
        finally:
            self._busy[host] -= 1
            self._freed = True

    def _draining(self, endpoint: str, host: str) -> bool:
        """Say whether a host was on its way out: that is no request's fault."""
        record = self._doors.records.by_uid(endpoint)
        fleet = record.doc.get("_Fleet", ()) if record else ()
        return any(each["Uid"] == host and "Draining" in each for each in fleet)

    def _look(self) -> list[Begun]:
        """Claim what there is room for."""
        found: list[Begun] = []
        for uid in list(self._invocations.endpoints()):
            try:
                self._take(uid, found)
            except TryAgain as slow:
                _log.warning("asynchronous requests of %s wait: %s", uid, slow)
            except Exception:  # one endpoint's trouble is not to cost the others what was claimed for them
                _log.exception("asynchronous requests of %s could not be looked at", uid)
        return found

    def _take(self, uid: str, found: list[Begun]) -> None:
        """Add what there is room for at one endpoint; forget the requests of one that is gone."""
        record = self._doors.records.by_uid(uid)
        config = config_of(record.doc) if record else None
        if record is None or config is None:
            self._invocations.drop(uid)
            return
        endpoint = _endpoint(record, config)
        found += self._expire(endpoint, record)
        found += self._claim(endpoint, hosts := _hosts(record))
        if not hosts:
            self._want_host(record)

    def _want_host(self, record: Record) -> None:
        """Have what scales an endpoint bring its first host; now and again, while there is none."""
        now = time.monotonic()
        if record.doc.get("_Serving") and now >= self._wanted.get(record.uid, 0.0):
            self._wanted = {uid: until for uid, until in self._wanted.items() if until > now}
            self._wanted[record.uid] = now + WANT
            place = (record.account, record.region, record.name)
            want(self._doors.records, place, [*_roles(record)], self._doors.clock.now())

    def _expire(self, endpoint: Endpoint, record: Record) -> list[Begun]:
        """Claim what waited for too long, whether or not there is a host."""
        nobody = _nobody(record)
        late = self._invocations.claim_expired(endpoint.uid, EXPIRED_AT_ONCE, self._doors.now())
        return [(Work(self._doors, self._pool, endpoint, nobody, one), "") for one in late]

    def _claim(self, endpoint: Endpoint, hosts: Sequence[Host]) -> list[Begun]:
        most, now = concurrent(endpoint.config), time.monotonic()
        free = {
            host.uid: most - self._busy[host.uid] for host in hosts if self._resting.get(host.uid, 0.0) <= now
        }
        room = sum(left for left in free.values() if left > 0)
        room = min(room, UNSETTLED - len(self._tasks))
        found = []
        for one in self._invocations.claim(endpoint.uid, room, self._doors.now()) if room > 0 else ():
            host = _choose([host for host in hosts if free.get(host.uid, 0) > 0], free)
            free[host.uid] -= 1
            self._busy[host.uid] += 1
            found.append((Work(self._doors, self._pool, endpoint, host, one), host.uid))
        return found

    def _renew(self) -> None:
        self._invocations.renew([*self._tasks.values()], self._doors.now())

    def _report(self) -> None:
        now = self._doors.now()
        for record in self._doors.records.each(ENDPOINT):
            if config_of(record.doc) is not None and record.doc.get("_Serving"):
                place = (record.account, record.region, record.name)
                hosts = len(record.doc.get("_Hosts", ()))
                self._doors.measures.backlog(place, self._invocations.backlog(record.uid), hosts, now)
        self._doors.measures.write(now)


def _endpoint(record: Record, config: Document) -> Endpoint:
    return Endpoint(
        uid=record.uid, account=record.account, region=record.region, name=record.name, config=config
    )


def _roles(record: Record) -> dict[str, str]:
    """Return the role of every variant, as the configuration that serves has it."""
    found = {}
    for config in (record.doc.get("_Wanted"), record.doc.get("_Serving")):
        found.update({each["VariantName"]: each["Role"] for each in (config or {}).get("Variants", ())})
    return found


def _hosts(record: Record) -> list[Host]:
    """Return the hosts that the controller says are to be asked."""
    roles = _roles(record)
    return [
        Host(
            uid=told["Uid"],
            variant=told["Variant"],
            weight=float(told["Weight"]),
            role=roles[told["Variant"]],
            sockets=tuple(Path(each["Socket"]) for each in told.get("Containers") or [told]),
        )
        for told in record.doc.get("_Hosts", ())
    ]


def _nobody(record: Record) -> Host:
    """Return what stands for a host where none was asked: the first variant's, with its role."""
    variant, role = next(iter(_roles(record).items()))
    return Host(uid="", variant=variant, weight=0.0, role=role, sockets=())


def _choose(hosts: Sequence[Host], free: dict[str, int]) -> Host:
    """Return a host of a variant drawn by weight, the one with the most room."""
    weights = {host.variant: host.weight for host in hosts}
    even = not any(weights.values())
    drawn = random.choices([*weights], [1.0 if even else each for each in weights.values()])  # noqa: S311
    return max((host for host in hosts if host.variant == drawn[0]), key=lambda host: free[host.uid])
