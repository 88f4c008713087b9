"""InvokeEndpoint from the endpoint's name to the model server's answer.

The gateway has verified and authorised the call before it comes here. Nothing on the way touches the database
unless an endpoint changed since the last call.
"""

from __future__ import annotations

import itertools
import time
import zlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from clary.core.clock import Clock
from clary.core.errors import ApiError
from clary.core.limits import STRICT, Limits
from clary.serving import addressing
from clary.serving.captures import Captures
from clary.serving.chain import Late
from clary.serving.connection import Answer, BadAnswer, Host, HostLost, Unsent
from clary.serving.endpoints import Endpoint, Endpoints, Variant
from clary.serving.head import PREFIX, head
from clary.serving.holding import Holding
from clary.serving.invocation import Invocation, Prediction
from clary.serving.models.affinity import by_model
from clary.serving.models.many import TARGET, Many
from clary.serving.models.models import Models
from clary.serving.refusal import NoHost, ServiceUnavailable, model_error
from clary.serving.resending import ask_another
from clary.serving.sessions import SESSION, Sessions
from clary.serving.stream import Stream
from clary.serving.tally import Summary
from clary.store.credentials import Generation
from clary.store.records import Records

if TYPE_CHECKING:
    from clary.serving.serverless import Serverless

_TIMED_OUT = 504  # what a model that does not answer in time is counted as
_UNREADABLE = 502  # what an answer that is none, or is no prediction, is counted as


class Way(NamedTuple):
    """Where a call goes."""

    endpoint: Endpoint
    variant: Variant
    host: Host


class Router:
    """The data plane of one gateway process."""

    def __init__(
        self,
        records: Records,
        changes: Generation,
        clock: Clock,
        limits: Limits = STRICT,
        holding: Holding | None = None,
        serverless: Serverless | None = None,
        models: Models | None = None,
        sessions: Sessions | None = None,
    ) -> None:
        self._limits, self._holding, self.serverless = limits, holding, serverless
        self._endpoints = Endpoints(records, changes, limits.prediction_bytes, models)
        self._sessions, self.models = sessions or Sessions(), models
        self.captures = Captures(clock)
        self.tallies = self._endpoints.tallies
        self._turn = itertools.count()

    async def invoke(self, call: Invocation, stream: Stream | None = None) -> Prediction:
        """Return the model server's answer, whose status is below 400, or raise what the API models."""
        plain = addressing.is_plain(call)
        if not plain:
            addressing.check(call)
        endpoint = self.find(call)
        if endpoint.serverless is not None and self.serverless is not None:
            return await self.serverless.invoke(self, endpoint, call, stream)
        way = await self._way(call)
        asked = time.perf_counter()
        patience = self._limits.model_seconds
        if stream:
            stream.variant, patience = way.variant.name, self._limits.stream_seconds
        host = way.host
        try:
            try:
                if plain and host.plain:
                    uid = host.uid
                    answer = await host.ask(head(call.headers, len(call.body)), call.body, patience, stream)
                else:
                    uid, answer = await addressing.ask(host, call, patience, stream)
            except Unsent as unsent:
                way, uid, answer = await self.ask_another(call, way, unsent, patience, stream)
        except (HostLost, BadAnswer, TimeoutError) as error:
            raise self.failure(call, way, asked, error, patience) from error
        return self.prediction(call, way, asked, answer, uid, captured=not stream)

    def find(self, call: Invocation) -> Endpoint:
        """Return the endpoint that a call names, as it is now."""
        return self._endpoints.find(call.account, call.region, call.endpoint)

    async def ask_another(
        self, call: Invocation, way: Way, unsent: Unsent, patience: float, stream: Stream | None = None
    ) -> tuple[Way, str, Answer]:
        """Take a call that its host cannot have been asked to another one; raise as `Host.ask` does."""
        ask = partial(addressing.ask, call=call, patience=patience, stream=stream)
        host, uid, answer = await ask_another(
            call, way.variant, way.host, unsent, ask, self._endpoints, self._holding
        )
        return way._replace(host=host), uid, answer

    def straight(self, call: Invocation) -> Way | None:
        """Choose a host that can be asked at once by `Host.ask`; None where that takes more than a choice."""
        plain = addressing.is_plain(call)
        if not plain and not addressing.names_a_model(call):
            return None
        endpoint = self._endpoints.find(call.account, call.region, call.endpoint)
        if not endpoint.named:
            return None
        variant, host = self._choose(endpoint, call)
        if plain:
            return Way(endpoint, variant, host) if host.plain else None
        own = host.at_once(call) if isinstance(host, Many) else None
        return Way(endpoint, variant, own) if own else None

    def prediction(
        self, call: Invocation, way: Way, asked: float, answer: Answer, uid: str, *, captured: bool = True
    ) -> Prediction:
        """Return what a host's answer is to the caller, or raise that it is an error."""
        seconds = time.perf_counter() - asked
        variant = way.variant
        call.variant, call.host, call.model_seconds = variant.name, uid, seconds
        if answer.status >= 300:
            self._failed(call, variant, asked, answer.status if answer.status >= 400 else _UNREADABLE)
            text = answer.body[:1024].decode("utf-8", "replace")
            raise model_error(way.endpoint.record, variant.name, uid, answer.status, text)
        self._sessions.heard(answer, way.endpoint, way.host)
        if variant.source and captured:
            kind = answer.headers.get(b"content-type", b"application/octet-stream")
            self.captures.add(variant.source, call.body, call.headers, answer.body, kind)
        return Prediction(variant.name, answer, seconds, variant.tally)

    def failure(
        self,
        call: Invocation,
        way: Way,
        asked: float,
        error: HostLost | BadAnswer | TimeoutError,
        patience: float,
    ) -> ApiError:
        """Count a call that got no answer that can be passed on, and return what the caller is told."""
        name, uid = way.variant.name, way.host.uid
        call.variant, call.host, call.model_seconds = name, uid, time.perf_counter() - asked
        if isinstance(error, HostLost):
            self._failed(call, way.variant, asked, ServiceUnavailable.status)
            return ServiceUnavailable(
                f"Endpoint {call.endpoint} could not answer: {error}. What ended is restarted; try again. "
                "Should it end again over this request, the log group "
                f"/aws/sagemaker/Endpoints/{way.endpoint.record.name} says why."
            )
        if isinstance(error, BadAnswer):
            self._failed(call, way.variant, asked, _UNREADABLE)
            return model_error(way.endpoint.record, name, error.uid or uid, 0, str(error))
        self._failed(call, way.variant, asked, _TIMED_OUT)
        container = name
        if isinstance(error, Late):
            uid, container = error.uid, error.name
        words = (
            f"Your invocation timed out while waiting for a response from container {container}. "
            f"It has {patience:.0f} s; look at the endpoint's log for what it was doing."
        )
        return model_error(way.endpoint.record, name, uid, 0, words)

    def busy(self) -> set[str]:
        """Return the uids of the hosts that have calls of this process's, those asked no more among them."""
        return {host.uid for host in self._endpoints.hosts() if host.load}

    def summary(self) -> dict[str, dict[str, Summary]]:
        """Return latencies by endpoint and variant."""
        found: dict[str, dict[str, Summary]] = {}
        for (account, region, endpoint, variant), tally in self.tallies.items():
            arn = f"arn:aws:sagemaker:{region}:{account}:endpoint/{endpoint}"
            found.setdefault(arn, {})[variant] = tally.summary()
        return found

    async def _way(self, call: Invocation) -> Way:
        endpoint = self._endpoints.find(call.account, call.region, call.endpoint)
        try:
            return Way(endpoint, *self._choose(endpoint, call))
        except NoHost as none:
            endpoint = await self._first_host(call, endpoint.record.name, none)
            return Way(endpoint, *self._choose(endpoint, call))

    async def _first_host(self, call: Invocation, name: str, none: NoHost) -> Endpoint:
        """Hold a call until a host came that can take it; raise `none` where it waited in vain."""
        place = (call.account, call.region, name)
        while self._holding and await self._holding.stirs(place, none.variants, call.began):
            endpoint = self._endpoints.find(call.account, call.region, call.endpoint)
            if any(variant in endpoint.named for variant in none.variants):
                return endpoint
        raise none

    def _choose(self, endpoint: Endpoint, call: Invocation) -> tuple[Variant, Host]:
        wanted = call.headers.get(b"x-amzn-sagemaker-target-variant", b"").decode("latin-1")
        if not endpoint.named or (wanted and wanted not in endpoint.named):
            raise endpoint.absent(call.endpoint, wanted)
        session = call.headers.get(SESSION)
        if session and session != b"NEW_SESSION":
            return self._sessions.find(endpoint, session.decode("latin-1"))
        variant = (endpoint.named[wanted] if wanted else endpoint.all).draw()
        hosts = variant.hosts
        if len(hosts) == 1:
            return variant, hosts[0]
        if not hosts[0].plain and (target := call.headers.get(TARGET)):
            return variant, by_model(hosts, target)
        if prefix := call.headers.get(PREFIX):
            return variant, hosts[zlib.crc32(prefix) % len(hosts)]
        turn = next(self._turn) % len(hosts)  # so that equal loads do not all go to the first
        return variant, min(hosts[turn:] + hosts[:turn], key=lambda host: host.load)

    def _failed(self, call: Invocation, variant: Variant, asked: float, status: int) -> None:
        now = time.perf_counter()
        variant.tally.add(asked - call.began, now - asked, status)
