"""The hosts of an endpoint: which there are, which serve, and how DescribeEndpoint tells of them.

A host is one run. `_Fleet` lists all that an endpoint is responsible for, from before they start until they
are removed; `_Hosts` those that the router may ask; `_Wanted` is the configuration being made true and
`_Serving` the one that answers, both as copies: the configuration and its models may be deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from clary.core.document import Document
from clary.runtime.spec import Seen

Runs = Mapping[str, Seen]


def members(doc: Document) -> list[Document]:
    """Return every host the endpoint is responsible for."""
    return list(doc.get("_Fleet", ()))


def without(doc: Document, uid: str) -> list[Document]:
    """Return the hosts other than one."""
    return [host for host in members(doc) if host["Uid"] != uid]


def changed(doc: Document, uid: str, **changes: object) -> list[Document]:
    """Return the hosts, one of them changed."""
    return [{**host, **changes} if host["Uid"] == uid else host for host in members(doc)]


def of(doc: Document, wanted: Document, variant: str | None = None) -> list[Document]:
    """Return the hosts that belong to a configuration and are not on their way out."""
    return [
        host
        for host in members(doc)
        if host["Generation"] == wanted["Generation"]
        and "Draining" not in host
        and variant in (None, host["Variant"])
    ]


def missing(doc: Document, wanted: Document) -> Document | None:
    """Return the first variant that has fewer hosts than it should, as the configuration has it."""
    return next((v for v in wanted["Variants"] if len(of(doc, wanted, v["VariantName"])) < v["Count"]), None)


def surplus(doc: Document, wanted: Document) -> list[Document]:
    """Return hosts that nobody needs any more and that were not told yet."""
    needed = [
        host["Uid"]
        for variant in wanted["Variants"]
        for host in of(doc, wanted, variant["VariantName"])[: variant["Count"]]
    ]
    return [host for host in members(doc) if host["Uid"] not in needed and "Draining" not in host]


def next_uid(uid: str, doc: Document, variant: Document) -> str:
    """Name the next host: the same until it is written down, another if something else is wanted by then."""
    wanted = doc["_Wanted"]
    place = [each["VariantName"] for each in wanted["Variants"]].index(variant["VariantName"])
    return f"{uid}-{wanted['Generation']}-{place}-{doc.get('_Serial', 0) + 1}"


def hosts(doc: Document, wanted: Document, runs: Runs) -> list[Document]:
    """Return what the router is told: every ready host of a configuration, with its variant's weight."""
    weights = {variant["VariantName"]: variant["Weight"] for variant in wanted["Variants"]}
    return [
        {
            "Variant": host["Variant"],
            "Weight": weights[host["Variant"]],
            "Socket": str(runs[host["Uid"]].socket),
            "Uid": host["Uid"],
        }
        for host in of(doc, wanted)
        if host["Variant"] in weights and ready(runs, host)
    ]


def ready(runs: Runs, host: Document) -> bool:
    """Say whether a host answers its health check."""
    return runs[host["Uid"]].phase == "ready"


def summaries(wanted: Document, serving: Sequence[Document], now: datetime, doc: Document) -> list[Document]:
    """Return ProductionVariants as DescribeEndpoint answers it."""
    before = {each["VariantName"]: each for each in doc.get("ProductionVariants", ())}
    return [
        _summary(variant, serving, before.get(variant["VariantName"]), now) for variant in wanted["Variants"]
    ]


def _summary(
    variant: Document, serving: Sequence[Document], before: Document | None, now: datetime
) -> Document:
    image = variant["Container"]["Image"]
    deployed = {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": now}
    if before and before["DeployedImages"][0]["SpecifiedImage"] == image:
        deployed = before["DeployedImages"][0]
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": [deployed],
        "CurrentWeight": variant["Weight"],
        "DesiredWeight": variant["Weight"],
        "CurrentInstanceCount": sum(1 for host in serving if host["Variant"] == variant["VariantName"]),
        "DesiredInstanceCount": variant["Count"],
    }
