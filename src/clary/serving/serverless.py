"""Calls to serverless endpoints: each has an environment to itself, or waits for one, or is throttled.

Who may call, and whom, is decided by locks that all processes of a home share (`runtime/occupancy.py`): a
place among the endpoint's `MaxConcurrency` calls, then an environment. The controller sees the places that
are taken and brings environments; here nothing is written. docs/adr/0018-serverless.md
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.limits import Limits
from clary.core.settings import Home
from clary.runtime import occupancy
from clary.serving import addressing
from clary.serving.bills import Bill, Book
from clary.serving.connection import BadAnswer, Host, HostLost, Unsent
from clary.serving.crew import Changed, Crew
from clary.serving.endpoints import Endpoint, Variant
from clary.serving.invocation import Invocation, Prediction
from clary.serving.refusal import Refused, model_error
from clary.serving.router import Router, Way
from clary.serving.stream import Stream
from clary.store.changes import Glance
from clary.store.times import micros

Find = Callable[[], Endpoint]
"""Returns the endpoint as it is now."""


class Throttled(ApiError):
    """As many calls as there may be are under way."""

    code = "ThrottlingException"
    status = 400  # evidence/serverless.md


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
            self._host, fresh = await self._crew.have(call.began, lambda: _Standing(find()))
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
        crew.see(plan.variant.hosts)
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


class _Crew(Crew):
    """One endpoint's environments, and what calls to them cost."""

    def __init__(self, endpoint: Endpoint, place: Path, bell: Path, changes: Glance, clock: Clock) -> None:
        super().__init__(endpoint.record.uid, place, bell, changes, clock)
        self.book = Book(endpoint.record)


class _Standing:
    """An endpoint as those see it who wait for its environments."""

    def __init__(self, endpoint: Endpoint) -> None:
        if endpoint.serverless is None:
            raise Changed
        self._endpoint, self._variant = endpoint, endpoint.serverless.variant

    @property
    def hosts(self) -> list[Host]:
        return self._variant.hosts

    def setback(self, since: datetime) -> ApiError | None:
        setback: Document | None = self._endpoint.record.doc.get("_Setback")
        if not setback or since > setback["At"]:
            return None
        return model_error(self._endpoint.record, self._variant.name, "", 500, setback["Why"])
