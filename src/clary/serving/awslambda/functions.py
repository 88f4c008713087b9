"""Calls to functions: each has a place among the function's concurrent ones, and an environment to itself.

Sync invocations come from a gateway, durable ones from the controller's driver. Both are the same here.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.settings import Home
from clary.resources.awslambda.environments import LAMBDA_ENVIRONMENTS
from clary.runtime import occupancy
from clary.serving.awslambda.measures import Measures
from clary.serving.connection import BadAnswer, Host, HostLost, Unsent
from clary.serving.crew import Changed, Crew
from clary.serving.refusal import ServiceUnavailable
from clary.store.changes import Glance
from clary.store.record import Record
from clary.store.records import Records

BUSY = 409  # what an environment answers that works on another invocation
GRACE = 25.0  # Seconds beyond a function's timeout: its start, and the way there and back.
EVERY = 1000  # Places for concurrent calls that there are: as many as an account has.
_LEAST_LOG = b"x-lambda-log"


class Throttled(ApiError):
    """As many invocations as there may be are under way."""

    code = "TooManyRequestsException"
    status = 429


class ServiceFault(ApiError):
    """The environment was lost, or none could be made."""

    code = "ServiceException"
    status = 500


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One event for one function. `key` names a durable one's attempt."""

    environments: str
    function: str
    arn: str
    request: str
    payload: bytes
    client_context: str = ""
    key: str = ""

    def head(self) -> bytes:
        """Return the head of the request to an environment."""
        lines = [
            "POST /invocations HTTP/1.1",
            "Host: function",
            f"X-Lambda-Request-Id: {self.request}",
            f"X-Lambda-Function-Arn: {self.arn}",
            f"Content-Length: {len(self.payload)}",
        ]
        if self.client_context:
            lines.append(f"X-Lambda-Client-Context: {self.client_context}")
        if self.key:
            lines.append(f"X-Lambda-Durable: {self.key}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass(frozen=True)
class Answer:
    """What a function answered: JSON, an error document where there is an `error`; the end of its log."""

    body: bytes
    error: str
    log: bytes


class Lost(Exception):
    """The environment went away with the invocation."""


class Busy(Unsent):
    """The environment works on another invocation, which an earlier caller left it with."""


class Functions:
    """The functions that one process calls. Everything happens on one event loop."""

    def __init__(self, records: Records, changes: Glance, clock: Clock, home: Home) -> None:
        self.records, self._changes, self._clock, self._home = records, changes, clock, home
        self._crews: dict[str, Crew] = {}
        self._standings: dict[str, Standing] = {}
        self._hosts: dict[str, Host] = {}
        self._seen = -1
        self.measures = Measures()

    async def invoke(self, call: Invocation) -> Answer:
        """Return what a function answers, or raise what its caller is told instead."""
        while True:
            try:
                turn = await self.turn(call)
            except Changed:
                raise gone(call) from None
            try:
                return await turn.ask()
            except Unsent:
                turn.lose()
            except Lost as lost:
                raise ServiceFault(
                    f"The environment of {call.function} was lost: {lost}. Try again."
                ) from lost
            finally:
                turn.end()

    async def turn(self, call: Invocation) -> Turn:
        """Return an environment for one call; raises Throttled where there are too many."""
        try:
            place = self.take(call)
        except Throttled:
            self.measures.throttled(self.find(call.environments).record)
            raise
        return await self.fill(call, place)

    def take(self, call: Invocation) -> Place:
        """Take a place among as many concurrent calls as the function may have now; raises Throttled."""
        standing = self.find(call.environments)
        wanted = standing.record.doc["_Wanted"]
        place = self._place(standing.record, wanted["MaxConcurrency"])
        if place is None:
            whose = "ReservedFunctionConcurrent" if wanted.get("Reserved") else "Concurrent"
            raise Throttled("Rate Exceeded.", members={"Reason": f"{whose}InvocationLimitExceeded"})
        place.crew.see(standing.hosts)
        return place

    async def fill(self, call: Invocation, place: Place) -> Turn:
        """Return an environment for a call that has a place, which is given back where none comes."""
        try:
            host, _ = await place.crew.have(time.perf_counter(), lambda: self.find(call.environments))
        except ServiceUnavailable as none:
            place.leave()
            words = f"{none.message} They are as many as this machine bears."
            raise Throttled(words, members={"Reason": "ConcurrentInvocationLimitExceeded"}) from none
        except BaseException:
            place.leave()
            raise
        now = self._standings.get(call.environments)  # by which the environment was found
        return Turn(self, call, now.record if now else place.record, place, host)

    def again(self, call: Invocation, environment: str) -> Turn | None:
        """Return the environment that a call had before; None while somebody else has it. Raises Lost.

        It may be one that nobody else is told of any more.
        """
        record = self.records.by_uid(call.environments)
        fleet = record.doc.get("_Fleet", ()) if record else ()
        known = next((each for each in fleet if each["Uid"] == environment and "Stopped" not in each), None)
        if record is None or known is None or "Socket" not in known:
            raise Lost("it is not there any more")
        place = self._place(record, EVERY)  # it was begun, whatever may begin now
        if place is None:
            return None
        host = self._host(environment, Path(known["Socket"]))
        if not place.crew.claim(host):
            place.leave()
            return None
        return Turn(self, call, record, place, host)

    def find(self, uid: str) -> Standing:
        """Return a function's environments as they are now; Changed where the function is gone."""
        self._changes.look(time.perf_counter())
        generation = self._changes.generation(LAMBDA_ENVIRONMENTS)
        if generation != self._seen:
            self._seen = generation
            self._standings = {key: value.old() for key, value in self._standings.items()}
            self._forget_those_gone()
        standing = self._standings.get(uid)
        if standing is None or standing.stale:
            standing = self._standings[uid] = self._read(uid, standing)
        if "_Gone" in standing.record.doc:
            raise Changed
        return standing

    def _read(self, uid: str, before: Standing | None) -> Standing:
        record = self.records.by_uid(uid)
        if record is None:
            self._standings.pop(uid, None)
            raise Changed
        told = record.doc.get("_Hosts", [])
        for each in before.hosts if before else ():
            if each.uid not in {host["Uid"] for host in told}:
                self._hosts.pop(each.uid, None)
                each.close()
        hosts = [self._host(each["Uid"], Path(each["Socket"])) for each in told]
        if before and before.hosts == hosts:
            hosts = before.hosts
        return Standing(record, hosts)

    def _forget_those_gone(self) -> None:
        """Close what is open of functions that are no more."""
        for uid in [uid for uid, crew in self._crews.items() if crew.idle() and crew.calls.gone()]:
            self._crews.pop(uid).close()
            if standing := self._standings.pop(uid, None):
                for host in standing.hosts:
                    self._hosts.pop(host.uid, host).close()

    def _host(self, uid: str, socket: Path) -> Host:
        host = self._hosts.get(uid)
        if host is None or host.socket != socket:
            host = self._hosts[uid] = Host(uid, socket)
        return host

    def _place(self, record: Record, most: int) -> Place | None:
        """Take one of `most` places for a function's concurrent calls; None where there is none left."""
        crew = self._crews.get(record.uid)
        if crew is None or (crew.calls.gone() and crew.idle()):
            place, bell = occupancy.folder(self._home, record.uid), self._home.run / "wake.sock"
            crew = self._crews[record.uid] = Crew(record.uid, place, bell, self._changes, self._clock)
        number = crew.calls.take(most)
        return None if number is None else Place(crew, number, record)


class Standing:
    """A function's environments, as those see them who wait for one."""

    def __init__(self, record: Record, hosts: list[Host]) -> None:
        self.record, self._hosts, self.stale = record, hosts, False

    @property
    def hosts(self) -> list[Host]:
        """The environments that can be called."""
        return self._hosts

    def old(self) -> Standing:
        """Take note that it may have changed."""
        self.stale = True
        return self

    def setback(self, since: datetime) -> ApiError | None:
        """Return why none came for those who wait since then."""
        told: Document | None = self.record.doc.get("_Setback")
        if not told or since > told["At"]:
            return None
        return ServiceFault(f"No environment of {self.record.doc['FunctionName']} started: {told['Why']}")


@dataclass(frozen=True)
class Place:
    """A place among a function's concurrent calls, and its environments' record when it was taken."""

    crew: Crew
    number: int
    record: Record

    def leave(self) -> None:
        """Give it back."""
        self.crew.calls.leave(self.number)


class Turn:
    """One call's place and environment, until `end`."""

    def __init__(
        self, functions: Functions, call: Invocation, record: Record, place: Place, host: Host
    ) -> None:
        self._functions, self._call, self._record = functions, call, record
        self._place, self._crew, self._host = place, place.crew, host
        self._has = True

    @property
    def environment(self) -> str:
        """The environment's uid."""
        return self._host.uid

    async def ask(self, call: Invocation | None = None) -> Answer:
        """Have the event handled. Raises Unsent where it certainly was not begun, Lost where that is open."""
        call, began = call or self._call, time.perf_counter()
        try:
            told = await self._host.ask(call.head(), call.payload, self._longest() + GRACE)
        except TimeoutError as late:
            self._has = False
            self._crew.close_environment(self._host)  # it does not end what it should have ended
            raise Lost("it did not answer in time") from late
        except Unsent:
            raise
        except (HostLost, BadAnswer) as broken:
            raise Lost(str(broken)) from broken
        if told.status == BUSY:
            raise Busy("the environment works on another invocation")
        error = told.headers.get(b"x-lambda-function-error", b"").decode()
        seconds = time.perf_counter() - began
        self._functions.measures.called(self._record, seconds, failed=bool(error))
        return Answer(told.body, error, base64.b64decode(told.headers.get(_LEAST_LOG, b"")))

    def _longest(self) -> float:
        """Return the timeout of the environment's generation, which may be an old one."""
        doc, uid = self._record.doc, self._host.uid
        own: Document = next((each for each in doc.get("_Fleet", ()) if each["Uid"] == uid), {})
        return float(own.get("Timeout", doc["_Wanted"]["Timeout"]))

    def lose(self) -> None:
        """Take note that the environment could not be asked."""
        self._has = False
        self._crew.lose(self._host)

    def end(self) -> None:
        """Leave the environment and the place to others."""
        if self._has:
            self._has = False
            self._crew.leave(self._host)
        self._place.leave()


def invocation(asked: Document, payload: str, key: str = "") -> Invocation:
    """Return what is asked of a function."""
    return Invocation(
        environments=asked["Environments"],
        function=asked["Function"],
        arn=asked["Arn"],
        request=asked["Request"],
        payload=payload.encode(),
        client_context=asked["ClientContext"],
        key=key,
    )


def gone(call: Invocation) -> ApiError:
    """Return what is told of a function that was deleted meanwhile."""
    words = f"Function not found: {call.arn}"
    return ApiError(words, code="ResourceNotFoundException", status=404, members={"Type": "User"})
