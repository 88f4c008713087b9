"""InvokeEndpoint from the endpoint's name to the model server's answer.

The gateway has verified and authorised the call before it comes here. Nothing on the way touches the database
unless an endpoint changed since the last call.
"""

from __future__ import annotations

import itertools
import random
import time
import zlib
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.limits import STRICT, Limits
from clary.engines.inference.asynchronous import config_of
from clary.engines.inference.capture import Capture
from clary.resources.inference.endpoint import ENDPOINT
from clary.serving.captures import Captures, Source
from clary.serving.chain import Chain, Container
from clary.serving.connection import Answer, Host, HostLost
from clary.serving.head import CUSTOM, PREFIX, head
from clary.serving.holding import Holding
from clary.serving.stream import Stream
from clary.serving.tally import Summary, Tally
from clary.store.credentials import Generation
from clary.store.record import Record
from clary.store.records import Records

Place: TypeAlias = tuple[str, str, str, str]
"""Account, region, endpoint and variant."""

MOST_SESSIONS = 65_536
_NEW_SESSION, _CLOSED_SESSION = b"x-amzn-sagemaker-new-session-id", b"x-amzn-sagemaker-closed-session-id"
_UNBUILT = {
    b"x-amzn-sagemaker-enable-explanations": "explanations are not made; leave EnableExplanations out",
    b"x-amzn-sagemaker-inference-component": (
        "inference components are not built; leave InferenceComponentName out"
    ),
}
_TIMED_OUT = 504  # what a model that does not answer in time is counted as
_OPEN = ("InService", "Updating", "RollingBack")  # what an endpoint that lost all its hosts may be
_CONTAINER = b"x-amzn-sagemaker-target-container-hostname"
_KEPT = (CUSTOM, _NEW_SESSION, _CLOSED_SESSION)


class ModelError(ApiError):
    """The container answered with an error of its own."""

    code = "ModelError"
    status = 424


class ServiceUnavailable(ApiError):
    """No host of the endpoint can answer just now."""

    code = "ServiceUnavailable"
    status = 503


class NoHost(ServiceUnavailable):
    """None of these variants, any of which would do, has a host."""

    def __init__(self, endpoint: str, variants: Sequence[str]) -> None:
        super().__init__(f"Endpoint {endpoint} has no host just now. Try again.")
        self.variants = variants


class Refused(ApiError):
    """The request does not fit the endpoint. The runtime's model spells this one without `Exception`."""

    code = "ValidationError"
    status = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """One call. Header names are in lower case."""

    account: str
    region: str
    endpoint: str
    headers: Mapping[bytes, bytes]
    body: bytes
    began: float  # time.perf_counter() when the request arrived


@dataclass(slots=True)
class Prediction:
    """The answer, and the seconds the model server took for it."""

    variant: str
    answer: Answer
    model_seconds: float
    tally: Tally

    def done(self, began: float) -> None:
        """Count the call once it is answered; what is not the model's time is ours."""
        whole = time.perf_counter() - began
        self.tally.add(whole - self.model_seconds, self.model_seconds, self.answer.status)


@dataclass(slots=True)
class _Variant:
    """A variant's hosts; while an update turns the calls over, its old ones and its new ones apart."""

    name: str
    weight: float
    tally: Tally
    source: Source | None  # where its calls are captured, if they are
    hosts: list[Host] = field(default_factory=list)


class _Choice:
    """Variants to choose from by their weights."""

    __slots__ = ("bounds", "variants")

    def __init__(self, variants: list[_Variant]) -> None:
        self.variants = variants
        even = not any(variant.weight for variant in variants)  # all weights 0: nobody is preferred
        self.bounds = list(itertools.accumulate(1.0 if even else variant.weight for variant in variants))

    def draw(self) -> _Variant:
        if len(self.variants) == 1:
            return self.variants[0]
        point = random.random() * self.bounds[-1]  # noqa: S311 - spreads load, guards nothing
        return self.variants[bisect(self.bounds, point)]


@dataclass(slots=True)
class _Endpoint:
    record: Record
    all: _Choice
    named: dict[str, _Choice]


class Router:
    """The data plane of one gateway process."""

    def __init__(
        self,
        records: Records,
        changes: Generation,
        clock: Clock,
        limits: Limits = STRICT,
        holding: Holding | None = None,
    ) -> None:
        self._records, self._changes, self._limits, self._holding = records, changes, limits, holding
        self.captures = Captures(clock)
        self._seen = -1
        self._endpoints: dict[tuple[str, str, str], _Endpoint] = {}
        self._hosts: dict[str, Host] = {}
        self._sessions: dict[str, str] = {}
        self.tallies: dict[Place, Tally] = {}
        self._turn = itertools.count()

    async def invoke(self, call: Invocation, stream: Stream | None = None) -> Prediction:
        """Return the model server's answer, whose status is below 400, or raise what the API models."""
        for name in call.headers.keys() & _UNBUILT.keys():
            raise Refused(f"Clary cannot do this yet: {_UNBUILT[name]}.")
        endpoint = self._find(call)
        session = call.headers.get(b"x-amzn-sagemaker-session-id", b"").decode("latin-1")
        try:
            variant, host = self._choose(endpoint, call, session)
        except NoHost as none:
            endpoint = await self._first_host(call, endpoint.record.name, none)
            variant, host = self._choose(endpoint, call, session)
        asked = time.perf_counter()
        patience = self._limits.model_seconds
        if stream:
            stream.variant, patience = variant.name, self._limits.stream_seconds
        try:
            uid, answer = await self._ask(host, call, patience, stream)
        except HostLost as error:
            self._failed(call, variant, asked, ServiceUnavailable.status)
            raise ServiceUnavailable(
                f"Endpoint {call.endpoint} could not answer: {error}. It is restarted; try again."
            ) from error
        except TimeoutError as error:
            self._failed(call, variant, asked, _TIMED_OUT)
            raise _model_error(
                endpoint.record,
                variant.name,
                host.uid,
                0,
                f"Your invocation timed out while waiting for a response from container {variant.name}. "
                f"It has {patience:.0f} s; look at the endpoint's log for what it was doing.",
            ) from error
        seconds = time.perf_counter() - asked
        if answer.status >= 400:
            self._failed(call, variant, asked, answer.status)
            text = answer.body[:1024].decode("utf-8", "replace")
            raise _model_error(endpoint.record, variant.name, uid, answer.status, text)
        self._remember(answer, host)
        if variant.source and not stream:
            kind = answer.headers.get(b"content-type", b"application/octet-stream")
            self.captures.add(variant.source, call.body, call.headers, answer.body, kind)
        return Prediction(variant.name, answer, seconds, variant.tally)

    def summary(self) -> dict[str, dict[str, Summary]]:
        """Return latencies by endpoint and variant."""
        found: dict[str, dict[str, Summary]] = {}
        for (account, region, endpoint, variant), tally in self.tallies.items():
            arn = f"arn:aws:sagemaker:{region}:{account}:endpoint/{endpoint}"
            found.setdefault(arn, {})[variant] = tally.summary()
        return found

    async def _ask(
        self, host: Host, call: Invocation, patience: float, stream: Stream | None
    ) -> tuple[str, Answer]:
        """Ask a host; return its answer, and the uid of the container that gave it."""
        only = call.headers.get(_CONTAINER, b"").decode("latin-1")
        if isinstance(host, Chain):
            if host.direct and only not in host.names:
                raise Refused(
                    f"Endpoint {call.endpoint} has containers that are called one by one: name one as "
                    f"TargetContainerHostname. It has: {', '.join(host.names)}."
                )
            if host.direct or not only:
                return await host.call(call.headers, call.body, patience, stream, only)
        if only:
            raise Refused(
                f"Endpoint {call.endpoint} does not take a TargetContainerHostname: its model's "
                "InferenceExecutionConfig does not have the Mode Direct. Leave it out."
            )
        return host.uid, await host.ask(head(call.headers, len(call.body)), call.body, patience, stream)

    async def _first_host(self, call: Invocation, name: str, none: NoHost) -> _Endpoint:
        """Hold a call until a host came that can take it; raise `none` where it waited in vain."""
        place = (call.account, call.region, name)
        while self._holding and await self._holding.stirs(place, none.variants, call.began):
            endpoint = self._find(call)
            if any(variant in endpoint.named for variant in none.variants):
                return endpoint
        raise none

    def _find(self, call: Invocation) -> _Endpoint:
        generation = self._changes.generation(ENDPOINT)
        if generation != self._seen:
            self._endpoints.clear()
            self._seen = generation
        place = (call.account, call.region, call.endpoint)
        endpoint = self._endpoints.get(place)
        if endpoint is None:
            endpoint = self._endpoints[place] = self._read(call)
        return endpoint

    def _read(self, call: Invocation) -> _Endpoint:
        record = self._records.scoped(call.account, call.region).find(ENDPOINT, call.endpoint)
        told = record.doc.get("_Hosts", []) if record else []
        if record is None or (not told and record.status not in _OPEN):
            state = f" It is {record.status}." if record else ""
            raise Refused(f"Endpoint {call.endpoint} of account {call.account} not found.{state}")
        if config_of(record.doc):
            raise Refused(f"Endpoint {call.endpoint} is asynchronous. Use InvokeEndpointAsync.")
        parts: dict[tuple[str, str], _Variant] = {}
        for each in told:
            name = each["Variant"]
            fleet = each.get("Fleet", "")
            part = parts.get((name, fleet))
            if part is None:
                tally = self.tallies.setdefault((record.account, record.region, record.name, name), Tally())
                source = _source(record, record.doc.get("_Wanted" if fleet == "new" else "_Serving"), name)
                part = parts[name, fleet] = _Variant(name, float(each["Weight"]), tally, source)
            part.hosts.append(self._host(each))
        named: dict[str, list[_Variant]] = {}
        for part in parts.values():
            named.setdefault(part.name, []).append(part)
        for mine in named.values():
            mine[0].tally.serve([host for part in mine for host in part.hosts])
        endpoint = _Endpoint(
            record, _Choice([*parts.values()]), {name: _Choice(mine) for name, mine in named.items()}
        )
        self._forget_hosts(keep={each["Uid"] for each in told})
        return endpoint

    def _host(self, told: Document) -> Host:
        uid, socket = told["Uid"], Path(told["Socket"])
        host = self._hosts.get(uid)
        if host is None or host.socket != socket:
            if several := told.get("Containers"):
                containers = [Container(each["Hostname"], Path(each["Socket"])) for each in several]
                host = Chain(uid, containers, direct=told["Mode"] == "Direct")
            else:
                host = Host(uid, socket)
            self._hosts[uid] = host
        return host

    def _forget_hosts(self, keep: set[str]) -> None:
        """Close the connections of hosts whose socket is gone."""
        for uid in [uid for uid, host in self._hosts.items() if uid not in keep and not host.socket.exists()]:
            self._hosts.pop(uid).close()

    def _choose(self, endpoint: _Endpoint, call: Invocation, session: str) -> tuple[_Variant, Host]:
        wanted = call.headers.get(b"x-amzn-sagemaker-target-variant", b"").decode("latin-1")
        if not endpoint.named or (wanted and wanted not in endpoint.named):
            raise _absent(endpoint, call, wanted)
        if session and session != "NEW_SESSION":
            return self._of_session(endpoint, session)
        variant = (endpoint.named[wanted] if wanted else endpoint.all).draw()
        hosts = variant.hosts
        if len(hosts) == 1:
            return variant, hosts[0]
        if prefix := call.headers.get(PREFIX):
            return variant, hosts[zlib.crc32(prefix) % len(hosts)]
        turn = next(self._turn) % len(hosts)  # so that equal loads do not all go to the first
        return variant, min(hosts[turn:] + hosts[:turn], key=lambda host: host.load)

    def _of_session(self, endpoint: _Endpoint, session: str) -> tuple[_Variant, Host]:
        """Return the host that opened a session; one we do not know falls on a host by its name."""
        pairs = [(variant, host) for variant in endpoint.all.variants for host in variant.hosts]
        uid = self._sessions.get(session)
        for pair in pairs:
            if pair[1].uid == uid:
                return pair
        return pairs[zlib.crc32(session.encode()) % len(pairs)]

    def _remember(self, answer: Answer, host: Host) -> None:
        if opened := answer.headers.get(_NEW_SESSION):
            if len(self._sessions) >= MOST_SESSIONS:
                self._sessions.pop(next(iter(self._sessions)))
            self._sessions[opened.decode("latin-1").partition(";")[0].strip()] = host.uid
        if closed := answer.headers.get(_CLOSED_SESSION):
            self._sessions.pop(closed.decode("latin-1").strip(), None)

    def _failed(self, call: Invocation, variant: _Variant, asked: float, status: int) -> None:
        now = time.perf_counter()
        variant.tally.add(asked - call.began, now - asked, status)


def response_headers(prediction: Prediction) -> list[tuple[bytes, bytes]]:
    """Return the headers of the API's answer."""
    headers = prediction.answer.headers
    found = [
        (b"content-type", headers.get(b"content-type", b"application/octet-stream")),
        (b"x-amzn-invoked-production-variant", prediction.variant.encode("latin-1")),
    ]
    found.extend((name, headers[name]) for name in _KEPT if name in headers)
    return found


def stream_headers(stream: Stream) -> list[tuple[bytes, bytes]]:
    """Return the headers of a streamed answer."""
    found = [
        (b"content-type", b"application/vnd.amazon.eventstream"),
        (b"x-amzn-sagemaker-content-type", stream.headers.get(b"content-type", b"application/octet-stream")),
        (b"x-amzn-invoked-production-variant", stream.variant.encode("latin-1")),
    ]
    if CUSTOM in stream.headers:
        found.append((CUSTOM, stream.headers[CUSTOM]))
    return found


def _absent(endpoint: _Endpoint, call: Invocation, wanted: str) -> ApiError:
    """Return why nobody can be asked: there is no such variant, or it has no host."""
    variants = (endpoint.record.doc.get("_Serving") or {}).get("Variants", ())
    known = [each["VariantName"] for each in sorted(variants, key=lambda each: -float(each.get("Weight", 1)))]
    known += [name for name in endpoint.named if name not in known]
    if wanted and wanted not in known:
        names = ", ".join(known) or "none"
        return Refused(f"Variant {wanted} not found for endpoint {call.endpoint}. It has: {names}.")
    return NoHost(call.endpoint, [wanted] if wanted else known)


def _source(endpoint: Record, config: Document | None, variant: str) -> Source | None:
    """Return where a variant's calls are captured, as a configuration that serves says."""
    capture = Capture.of(config.get("DataCaptureConfig")) if config else None
    if config is None or capture is None:
        return None
    role = next((each["Role"] for each in config["Variants"] if each["VariantName"] == variant), None)
    if role is None:  # an update is being taken back, and no host that it began has gone yet
        return None
    return Source(
        capture=capture,
        account=endpoint.account,
        region=endpoint.region,
        endpoint=endpoint.name,
        variant=variant,
        role=role,
    )


def _model_error(endpoint: Record, variant: str, uid: str, status: int, text: str) -> ModelError:
    group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
    place = f"arn:aws:logs:{endpoint.region}:{endpoint.account}:log-group:{group}"
    received = "client" if 400 <= status < 500 else "server"
    message = (
        f'Received {received} error ({status}) from {variant} with message "{text}". '
        f"See the log group {group} in account {endpoint.account} for more information."
    )
    members = {
        "OriginalStatusCode": status,
        "OriginalMessage": text,
        "LogStreamArn": f"{place}:log-stream:{variant}/{uid}",
    }
    return ModelError(message, members=members)
