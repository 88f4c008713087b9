"""Calls to serverless endpoints: each has an environment to itself, or waits for one, or is throttled.

Who may call, and whom, is decided by locks that all processes of a home share (`runtime/occupancy.py`): a
place among the endpoint's `MaxConcurrency` calls, then an environment. The controller sees the places that
are taken and brings environments; here nothing is written. docs/adr/0018-serverless.md
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from clary.core import wake
from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.limits import Limits
from clary.core.settings import Home
from clary.runtime import occupancy
from clary.serving import addressing
from clary.serving.bills import Bill, Book
from clary.serving.connection import BadAnswer, Host, HostLost, Unsent
from clary.serving.endpoints import Endpoint, Variant
from clary.serving.invocation import Invocation, Prediction
from clary.serving.refusal import Refused, ServiceUnavailable, model_error
from clary.serving.router import Router, Way
from clary.serving.stream import Stream
from clary.store.changes import Glance
from clary.store.times import micros

LONGEST = 55.0  # Seconds that a call waits for an environment; clients give up after 60.
_AGAIN = 0.5  # Seconds until an environment is asked for again.
_PAUSE = 0.005  # Seconds between two looks for one.
_REFUSED = 1.0  # Seconds that an environment which was not there is left alone.

_log = logging.getLogger(__name__)

Find = Callable[[], Endpoint]
"""Returns the endpoint as it is now."""


class Throttled(ApiError):
    """As many calls as there may be are under way."""

    code = "ThrottlingException"
    status = 400  # evidence/serverless.md


class Changed(Exception):
    """The endpoint is not serverless any more."""


class Turn:
    """One call's place, and the environment that it has, until `end`."""

    def __init__(self, endpoint: Endpoint, variant: Variant, crew: _Crew, number: int, bill: Bill) -> None:
        self._endpoint, self._variant = endpoint, variant
        self._crew, self._number, self.bill = crew, number, bill
        self._host: Host | None = None

    async def environment(self, call: Invocation, find: Find) -> Way:
        """Have an environment for this call; raises what the caller is told where none came."""
        began = time.perf_counter()
        try:
            self._host, fresh = await self._crew.have(call.began, find)
        except ApiError as error:
            status = error.members.get("OriginalStatusCode", error.status)
            self._variant.tally.add(time.perf_counter() - call.began, 0.0, status)
            raise
        self.bill.environment = self._host.uid
        provisioned = self.bill.config.get("ProvisionedConcurrency", 0)
        self.bill.provisioned = self._host in self._crew.hosts[:provisioned]
        if fresh:
            self.bill.setup += time.perf_counter() - began
        return Way(self._endpoint, self._variant, self._host)

    def unsent(self) -> None:
        """Take note that the environment was not there."""
        if self._host:
            self._crew.lose(self._host)
            self._host = None

    def give_up(self) -> None:
        """Let nobody have an environment that may be at work on this call for long; it is replaced."""
        if self._host:
            self._crew.close_environment(self._host)
            self._host = None

    def end(self) -> None:
        """Leave the environment and the place to others."""
        if self._host:
            self._crew.leave(self._host)
        self._crew.calls.leave(self._number)
        self._crew.book.add(self.bill)


class Serverless:
    """The serverless endpoints of one gateway process. Everything happens on one event loop."""

    def __init__(self, changes: Glance, clock: Clock, limits: Limits, home: Home) -> None:
        self._changes, self._clock, self._limits, self._home = changes, clock, limits, home
        self._crews: dict[str, _Crew] = {}

    async def invoke(
        self, router: Router, endpoint: Endpoint, call: Invocation, stream: Stream | None
    ) -> Prediction:
        """Return the answer of an environment that has this call alone, or raise what the API models."""
        turn = self._turn(endpoint, call)
        try:
            return await self._answer(router, turn, call, stream)
        except Changed:
            return await router.invoke(call, stream)
        finally:
            turn.end()

    async def _answer(
        self, router: Router, turn: Turn, call: Invocation, stream: Stream | None
    ) -> Prediction:
        find, limits = partial(router.find, call), self._limits
        patience = limits.stream_seconds if stream else limits.model_seconds
        while True:
            way = await turn.environment(call, find)
            if stream:
                stream.variant = way.variant.name
            asked = time.perf_counter()
            try:
                uid, answer = await addressing.ask(way.host, call, patience, stream)
            except Unsent:
                turn.unsent()
                continue
            except (HostLost, BadAnswer, TimeoutError) as error:
                if isinstance(error, TimeoutError):
                    turn.give_up()
                raise router.failure(call, way, asked, error, patience) from error
            finally:
                turn.bill.seconds = time.perf_counter() - asked
            turn.bill.received = len(answer.body)
            return router.prediction(call, way, asked, answer, uid, captured=False)

    def _turn(self, endpoint: Endpoint, call: Invocation) -> Turn:
        """Let a call begin; raises where it is too large, or one too many."""
        plan = endpoint.serverless
        assert plan is not None  # noqa: S101  # asked of serverless endpoints only
        if len(call.body) > self._limits.serverless_bytes:
            raise Refused(
                f"The body has {len(call.body)} bytes; a serverless endpoint takes at most "
                f"{self._limits.serverless_bytes}."
            )
        wanted = call.headers.get(b"x-amzn-sagemaker-target-variant", b"").decode("latin-1")
        if wanted and wanted != plan.variant.name:
            raise endpoint.absent(call.endpoint, wanted)
        crew = self._crew(endpoint)
        most = plan.config["MaxConcurrency"]
        number = crew.calls.take(most)
        if number is None:
            plan.variant.tally.add(time.perf_counter() - call.began, 0.0, Throttled.status)
            raise Throttled(
                f"Rate exceeded: {most} calls of endpoint {call.endpoint} are under way, its MaxConcurrency. "
                "Try again, or update the endpoint with a larger one."
            )
        crew.hosts = plan.variant.hosts
        bill = Bill(
            at=micros(self._clock.now()) // 1000,
            concurrency=occupancy.calls(crew.place, most),
            config=plan.config,
            variant=plan.variant.name,
            sent=len(call.body),
        )
        return Turn(endpoint, plan.variant, crew, number, bill)

    def books(self) -> list[Book]:
        """Return what there is to tell of every endpoint; of those that are gone for the last time."""
        for uid in [uid for uid, crew in self._crews.items() if crew.idle() and crew.calls.gone()]:
            self._crews.pop(uid).close()
        return [crew.book for crew in self._crews.values()]

    def _crew(self, endpoint: Endpoint) -> _Crew:
        uid = endpoint.record.uid
        crew = self._crews.get(uid)
        if crew is None or (crew.calls.gone() and crew.idle()):
            place, bell = occupancy.folder(self._home, uid), self._home.run / "wake.sock"
            crew = self._crews[uid] = _Crew(endpoint, place, bell, self._changes, self._clock)
        return crew


class _Crew:
    """One endpoint's environments, as this process calls them."""

    def __init__(self, endpoint: Endpoint, place: Path, bell: Path, changes: Glance, clock: Clock) -> None:
        self.place, self._bell, self._changes, self._clock = place, bell, changes, clock
        self._uid, self.book = endpoint.record.uid, Book(endpoint.record)
        self.calls = occupancy.Calls(place)
        self.hosts: list[Host] = []
        self._known: dict[str, occupancy.Environment] = {}
        self._busy: set[str] = set()
        self._used: set[str] = set()
        self._lost: dict[str, float] = {}
        self._waiting: deque[_Waiter] = deque()
        self._watching: asyncio.Task[None] | None = None

    async def have(self, began: float, find: Find) -> tuple[Host, bool]:
        """Return an environment for one call, and whether it had to be waited for and is a new one."""
        if not self._waiting and (host := self._free()):
            return host, False
        waiter = _Waiter(asyncio.get_running_loop().create_future(), self._clock.now())
        self._waiting.append(waiter)
        try:
            while not waiter.found.done() and (left := began + LONGEST - time.perf_counter()) > 0:
                self._keep_watching(find)
                await asyncio.wait([waiter.found], timeout=min(left, _AGAIN))
        except asyncio.CancelledError:
            if waiter.found.done() and not waiter.found.cancelled() and not waiter.found.exception():
                self.leave(waiter.found.result())
            raise
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
        if not waiter.found.done():
            waiter.found.cancel()
            raise ServiceUnavailable(
                f"No environment of the endpoint was free for {LONGEST:.0f} s. Try again, or provision more "
                "concurrency; the endpoint's log says what they are doing."
            )
        host = waiter.found.result()
        fresh = host.uid not in self._used
        self._used.add(host.uid)
        return host, fresh

    def leave(self, host: Host) -> None:
        """Give an environment to the next call that waits, or back."""
        if host.uid in {each.uid for each in self.hosts}:
            while self._waiting:
                waiter = self._waiting.popleft()
                if not waiter.found.done():
                    waiter.found.set_result(host)
                    return
        self._busy.discard(host.uid)
        self._known[host.uid].leave(self._clock.now().timestamp())

    def lose(self, host: Host) -> None:
        """Leave an environment that was not there to answer."""
        self._lost[host.uid] = time.perf_counter()
        self._busy.discard(host.uid)
        self._known[host.uid].leave(self._clock.now().timestamp())

    def close_environment(self, host: Host) -> None:
        """Close an environment that this process has, as the reaper does."""
        occupancy.forget(self.place, host.uid)
        self._busy.discard(host.uid)
        self._known[host.uid].leave(self._clock.now().timestamp())

    def idle(self) -> bool:
        """Say whether no call is under way."""
        return not self._busy and not self._waiting

    def close(self) -> None:
        """Forget the endpoint."""
        self.calls.close()
        for environment in self._known.values():
            environment.close()

    def _free(self) -> Host | None:
        """Take the first environment that nobody has; later ones have rest, and go."""
        now = time.perf_counter()
        for host in self.hosts:
            if host.uid in self._busy or now - self._lost.get(host.uid, -_REFUSED) < _REFUSED:
                continue
            try:
                known = self._known.get(host.uid) or occupancy.Environment(self.place, host.uid)
            except FileNotFoundError:  # it is closed
                continue
            self._known[host.uid] = known
            if known.take():
                self._busy.add(host.uid)
                return host
        return None

    def _keep_watching(self, find: Find) -> None:
        """Have somebody look for environments, and again where that failed: the database may be busy."""
        if self._watching is not None and self._watching.done() and not self._watching.cancelled():
            if error := self._watching.exception():
                _log.warning("calls wait for an environment of %s: %r", self._uid, error)
            self._watching = None
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch(find))

    async def _watch(self, find: Find) -> None:
        """Hand out what becomes free, in this process or another, to those who wait, in their order."""
        rung = 0.0
        while self._waiting:
            now = time.perf_counter()
            if now - rung > _AGAIN:
                rung = now
                wake.send(self._bell, self._uid)
            self._changes.look(now)
            try:
                endpoint = find()
            except ApiError as gone:
                self._fail(lambda _, gone=gone: gone)  # type: ignore[misc]
                return
            if endpoint.serverless is None:
                self._fail(lambda _: Changed())
                return
            self._see(endpoint)
            while self._waiting and (host := self._free()):
                self.leave(host)
            await asyncio.sleep(_PAUSE)

    def _see(self, endpoint: Endpoint) -> None:
        """Take note of the environments there are, and tell those who wait for one that failed."""
        assert endpoint.serverless is not None  # noqa: S101  # the caller looked
        variant = endpoint.serverless.variant
        if variant.hosts is not self.hosts:
            self.hosts = variant.hosts
            uids = {host.uid for host in self.hosts}
            self._used &= uids
            self._lost = {uid: at for uid, at in self._lost.items() if uid in uids}
            for uid in self._known.keys() - uids - self._busy:
                self._known.pop(uid).close()
        setback: Document | None = endpoint.record.doc.get("_Setback")
        if setback:
            told = model_error(endpoint.record, variant.name, "", 500, setback["Why"])
            self._fail(lambda waiter: told if waiter.since <= setback["At"] else None)

    def _fail(self, error: Callable[[_Waiter], Exception | None]) -> None:
        for waiter in [*self._waiting]:
            if (why := error(waiter)) and not waiter.found.done():
                waiter.found.set_exception(why)
                self._waiting.remove(waiter)


class _Waiter:
    """A call that waits, since when."""

    def __init__(self, found: asyncio.Future[Host], since: datetime) -> None:
        self.found, self.since = found, since
