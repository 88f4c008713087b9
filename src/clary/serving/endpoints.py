"""What a gateway process knows of the endpoints that it calls: read once, and again when one changed."""

from __future__ import annotations

import itertools
import random
from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from clary.core.document import Document
from clary.engines.inference.asynchronous import config_of
from clary.engines.inference.capture import Capture
from clary.resources.inference.endpoint import ENDPOINT
from clary.serving.captures import Source
from clary.serving.chain import Chain, Container
from clary.serving.connection import Host
from clary.serving.models.models import Models
from clary.serving.pipeline import Piped
from clary.serving.refusal import NoHost, Refused
from clary.serving.tally import Tally
from clary.store.credentials import Generation
from clary.store.record import Record
from clary.store.records import Records

Place: TypeAlias = tuple[str, str, str, str]
"""Account, region, endpoint and variant."""

SERVING = ("InService", "Updating", "RollingBack", "UpdateRollbackFailed")
"""What an endpoint that lost all its hosts may be."""


@dataclass(slots=True)
class Variant:
    """A variant's hosts; while an update turns the calls over, its old ones and its new ones apart."""

    name: str
    weight: float
    tally: Tally
    source: Source | None  # where its calls are captured, if they are
    share: float = 1.0  # what part of the calls that name the variant
    hosts: list[Host] = field(default_factory=list)


class Choice:
    """Variants to choose from by their weights, or by these."""

    __slots__ = ("bounds", "variants")

    def __init__(self, variants: list[Variant], weights: list[float] | None = None) -> None:
        self.variants = variants
        weights = weights or [variant.weight for variant in variants]
        even = not any(weights)  # all weights 0: nobody is preferred
        self.bounds = list(itertools.accumulate(1.0 if even else weight for weight in weights))

    def draw(self) -> Variant:
        """Return one of them."""
        if len(self.variants) == 1:
            return self.variants[0]
        point = random.random() * self.bounds[-1]  # noqa: S311 - spreads load, guards nothing
        return self.variants[bisect(self.bounds, point)]


@dataclass(frozen=True, slots=True)
class Plan:
    """A serverless endpoint's only variant, and its ServerlessConfig."""

    variant: Variant
    config: Document


@dataclass(slots=True)
class Endpoint:
    """An endpoint as it was when it last changed. There is nothing to choose from in a serverless one."""

    record: Record
    all: Choice
    named: dict[str, Choice]
    serverless: Plan | None = None

    def absent(self, called: str, wanted: str) -> NoHost | Refused:
        """Return why nobody can be asked: there is no such variant, or it has no host."""
        variants = (self.record.doc.get("_Serving") or {}).get("Variants", ())
        by_weight = sorted(variants, key=lambda each: -float(each.get("Weight", 1)))
        known = [each["VariantName"] for each in by_weight]
        known += [name for name in self.named if name not in known]
        if wanted and wanted not in known:
            names = ", ".join(known) or "none"
            return Refused(f"Variant {wanted} not found for endpoint {called}. It has: {names}.")
        return NoHost(called, [wanted] if wanted else known)


class Endpoints:
    """Those that were called, their hosts with the connections kept to them, and their tallies."""

    def __init__(
        self, records: Records, changes: Generation, most: int, models: Models | None = None
    ) -> None:
        self._records, self._changes, self._most, self._models = records, changes, most, models
        self._seen = -1
        self._endpoints: dict[tuple[str, str, str], Endpoint] = {}
        self._hosts: dict[str, Host] = {}
        self.tallies: dict[Place, Tally] = {}

    def find(self, account: str, region: str, name: str) -> Endpoint:
        """Return an endpoint as it is now; the database is read only if one changed since the last call."""
        generation = self._changes.generation(ENDPOINT)
        if generation != self._seen:
            self._endpoints.clear()
            self._seen = generation
        place = (account, region, name)
        endpoint = self._endpoints.get(place)
        if endpoint is None:
            endpoint = self._endpoints[place] = self._read(account, region, name)
        return endpoint

    def hosts(self) -> Iterable[Host]:
        """Return every host that there are connections to."""
        return self._hosts.values()

    def _read(self, account: str, region: str, name: str) -> Endpoint:
        record = self._records.scoped(account, region).find(ENDPOINT, name)
        told = record.doc.get("_Hosts", []) if record else []
        if record is None or (not told and record.status not in SERVING):
            state = f" It is {record.status}." if record else ""
            raise Refused(f"Endpoint {name} of account {account} not found.{state}")
        if config_of(record.doc):
            raise Refused(f"Endpoint {name} is asynchronous. Use InvokeEndpointAsync.")
        parts: dict[tuple[str, str], Variant] = {}
        for each in told:
            key = each["Variant"], each.get("Fleet", "")
            if key not in parts:
                parts[key] = self._variant(record, each)
            parts[key].hosts.append(self._host(record, each))
        self._forget_hosts(keep={each["Uid"] for each in told})
        if plan := self._plan(record, parts):
            plan.variant.tally.serve(plan.variant.hosts)
            return Endpoint(record, Choice([]), {}, plan)
        named: dict[str, list[Variant]] = {}
        for part in parts.values():
            named.setdefault(part.name, []).append(part)
        for mine in named.values():
            mine[0].tally.serve([host for part in mine for host in part.hosts])
        choices = {name: Choice(mine, [part.share for part in mine]) for name, mine in named.items()}
        return Endpoint(record, Choice([*parts.values()]), choices)

    def _plan(self, record: Record, parts: dict[tuple[str, str], Variant]) -> Plan | None:
        variants = (record.doc.get("_Serving") or {}).get("Variants", ())
        found = next((each for each in variants if "Serverless" in each), None)
        if found is None:
            return None
        name = found["VariantName"]
        variant = parts.get((name, "")) or self._variant(record, {"Variant": name, "Weight": 1.0})
        return Plan(variant, found["Serverless"])

    def _variant(self, record: Record, told: Document) -> Variant:
        name = told["Variant"]
        tally = self.tallies.setdefault((record.account, record.region, record.name, name), Tally())
        config = record.doc.get("_Wanted" if told.get("Fleet") == "new" else "_Serving")
        weight, share = float(told["Weight"]), float(told.get("Share", 1.0))
        return Variant(name, weight, tally, _source(record, config, name), share)

    def _host(self, record: Record, told: Document) -> Host:
        uid, socket = told["Uid"], Path(told["Socket"])
        host = self._hosts.get(uid)
        if host is None or host.socket != socket:
            if several := told.get("Containers"):
                containers = [Container(each["Hostname"], Path(each["Socket"])) for each in several]
                host = Chain(uid, containers, direct=told["Mode"] == "Direct", most=self._most)
            elif self._models and (many := told.get("Models")):
                place = (record.account, record.region, record.name, told["Variant"])
                host = self._models.host(place, uid, socket, many, self._most)
            else:
                host = Piped(uid, socket, self._most)
            self._hosts[uid] = host
        return host

    def _forget_hosts(self, keep: set[str]) -> None:
        """Close the connections of hosts whose socket is gone."""
        for uid in [uid for uid, host in self._hosts.items() if uid not in keep and not host.socket.exists()]:
            self._hosts.pop(uid).close()


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
