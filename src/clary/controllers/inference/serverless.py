"""The environments of a serverless variant: how many there should be, and which of them nobody needs.

An environment is a host like any other: it is in `_Fleet`, and in `_Hosts` once it answers. How many are
wanted is not written down; it follows at each look from the calls that are under way, which hold locks
(`runtime/occupancy.py`), so a demand cannot outlive its callers. docs/adr/0018-serverless.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clary.controllers.inference import fleet
from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document

CLOSE = "close"


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is the case with a serverless variant's calls.

    `calls` are under way, waiting ones among them. Each of `used` is an environment that may be called, and
    when it last was; those that are being called are `busy`.
    """

    calls: int = 0
    busy: frozenset[str] = frozenset()
    used: Mapping[str, datetime] = field(default_factory=dict)
    most: int = 1  # environments that this machine runs for one endpoint
    idle: timedelta = timedelta(minutes=5)  # after which an environment goes that is not provisioned


def of(config: Document) -> Document | None:
    """Return the variant of a configuration that is serverless: its only one, if it is."""
    return next((each for each in config["Variants"] if "Serverless" in each), None)


def kept(variant: Document, demand: Demand) -> int:
    """Return how many environments stay though nobody calls."""
    return min(int(variant["Serverless"].get("ProvisionedConcurrency", 0)), demand.most)


def fitted(doc: Document, demand: Demand | None) -> Document:
    """Return an endpoint's document with the number of environments that are wanted now.

    One that is to serve must have shown that its model loads; after that there may be none.
    """
    wanted = doc.get("_Wanted")
    variant = of(wanted) if wanted else None
    if wanted is None or variant is None or demand is None:
        return doc
    there = len(fleet.of(doc, wanted, variant["VariantName"]))
    called = 1 if _unproven(doc, wanted) else min(demand.calls, demand.most)
    count = max(there, called, kept(variant, demand))
    return {**doc, "_Wanted": {**wanted, "Variants": [{**variant, "Count": count}]}}


def meanwhile(doc: Document, demand: Demand | None) -> Document | None:
    """Return the document as if it wanted what serves, as long as another configuration comes up."""
    serving = doc.get("_Serving")
    if demand is None or doc["EndpointStatus"] != "Updating" or not _unproven(doc, doc["_Wanted"]):
        return None
    return fitted({**doc, "_Wanted": serving}, demand) if serving and of(serving) else None


def reap(doc: Document, demand: Demand | None, now: datetime) -> Step | None:
    """Close an environment that nobody needs: idle for long enough, or more than there may be."""
    variant = of(doc["_Wanted"])
    if variant is None or demand is None or doc["EndpointStatus"] != "InService":
        return None
    ready = [host for host in fleet.of(doc, doc["_Wanted"]) if "ReadySince" in host]
    for place, host in reversed([*enumerate(ready)]):
        uid = host["Uid"]
        if uid in demand.busy:
            continue
        spare = place >= kept(variant, demand) and _rested(host, demand, now)
        if spare or uid not in demand.used:  # it is closed, and whoever closed it did not come to say so
            write: Document = {
                "_Hosts": [each for each in doc.get("_Hosts", ()) if each["Uid"] != uid],
                "_Fleet": fleet.changed(doc, uid, Draining=now),
            }
            return Step(effect=CLOSE, target=uid, write=write, again=AT_ONCE)
    return None


def on_call(doc: Document) -> bool:
    """Say whether environments begin only because somebody calls: one that ended needs no pause then."""
    variant = of(doc["_Wanted"])
    return variant is not None and not variant["Serverless"].get("ProvisionedConcurrency")


def _unproven(doc: Document, wanted: Document) -> bool:
    """Say whether no environment of a configuration has answered yet."""
    serving = doc.get("_Serving")
    return serving is None or serving["Generation"] != wanted["Generation"]


def _rested(host: Document, demand: Demand, now: datetime) -> bool:
    since = max(host["ReadySince"], demand.used.get(host["Uid"], host["ReadySince"]))
    return bool(now - since >= demand.idle)
