"""The hosts of an endpoint: which there are, which serve, and how DescribeEndpoint tells of them.

A host is one run. `_Fleet` lists all that an endpoint is responsible for, from before they start until they
are removed; `_Hosts` those that the router may ask; `_Wanted` is the configuration being made true and
`_Serving` the one that answers, both as copies: the configuration and its models may be deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from clary.controllers.inference import rollout
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


def config_of(doc: Document, host: Document) -> Document:
    """Return the configuration that a host belongs to; the wanted one where its own is not known any more."""
    wanted, serving = doc["_Wanted"], doc.get("_Serving")
    mine: Document = serving if serving and serving["Generation"] == host["Generation"] else wanted
    return wanted if wanted["Generation"] == host["Generation"] else mine


def variant_of(doc: Document, host: Document) -> Document:
    """Return a host's variant, as the configuration that it belongs to has it."""
    variants = config_of(doc, host)["Variants"]
    found: Document = next(each for each in variants if each["VariantName"] == host["Variant"])
    return found


def missing(doc: Document, wanted: Document) -> Document | None:
    """Return the first variant that has fewer hosts than it should, as the configuration has it."""
    counts = rollout.wanted_counts(doc, wanted)
    return next(
        (
            variant
            for variant in wanted["Variants"]
            if len(of(doc, wanted, variant["VariantName"])) < counts[variant["VariantName"]]
        ),
        None,
    )


def surplus(doc: Document, now: datetime) -> list[Document]:
    """Return hosts that nobody needs any more and that were not told yet."""
    wanted, status = doc["_Wanted"], doc["EndpointStatus"]
    if status == "InService":
        counts = {variant["VariantName"]: variant["Count"] for variant in wanted["Variants"]}
        needed = _some(doc, wanted, counts)
        if now < doc.get("_OldUntil", now):  # TerminationWaitInSeconds
            needed |= {host["Uid"] for host in members(doc) if host["Generation"] != wanted["Generation"]}
    elif status == "Updating" and "_Rollout" in doc and (kept := rollout.kept_counts(doc)) is not None:
        needed = _some(doc, doc["_Serving"], kept)
        needed |= {host["Uid"] for host in members(doc) if host["Generation"] == wanted["Generation"]}
    else:
        return []
    return [host for host in members(doc) if host["Uid"] not in needed and "Draining" not in host]


def _some(doc: Document, wanted: Document, counts: Mapping[str, int]) -> set[str]:
    """Return so many hosts of each variant of a configuration."""
    return {host["Uid"] for name, count in counts.items() for host in of(doc, wanted, name)[:count]}


def next_uid(uid: str, doc: Document, variant: Document) -> str:
    """Name the next host: the same until it is written down, another if something else is wanted by then."""
    wanted = doc["_Wanted"]
    place = [each["VariantName"] for each in wanted["Variants"]].index(variant["VariantName"])
    return f"{uid}-{wanted['Generation']}-{place}-{doc.get('_Serial', 0) + 1}"


def runs_of(host: Document) -> list[str]:
    """Return the uids of a host's runs, one a container, in the order of the containers."""
    uid, containers = host["Uid"], host.get("Containers", 1)
    return [uid, *(f"{uid}-{number}" for number in range(2, containers + 1))]


def fallen(runs: Runs, host: Document) -> tuple[int, Seen] | None:
    """Return the number of the first of a host's containers that has ended, and how it did."""
    for number, uid in enumerate(runs_of(host), 1):
        if runs[uid].phase in ("exited", "absent"):
            return number, runs[uid]
    return None


def hosts(doc: Document, wanted: Document, runs: Runs) -> list[Document]:
    """Return what the router is told: every ready host of a configuration, with its variant's weight.

    Where a variant has none, those that say that they are not well are asked all the same.
    """
    weights = {variant["VariantName"]: variant["Weight"] for variant in wanted["Variants"]}
    served = {host["Variant"] for host in of(doc, wanted) if ready(runs, host)}
    return [
        {
            "Variant": host["Variant"],
            "Weight": weights[host["Variant"]],
            "Socket": str(runs[host["Uid"]].socket),
            "Uid": host["Uid"],
            **_containers(runs, host, wanted),
        }
        for host in of(doc, wanted)
        if host["Variant"] in weights
        and (ready(runs, host) or (host["Variant"] not in served and up(runs, host)))
    ]


def ready_since(doc: Document, told: Sequence[Document], now: datetime) -> list[Document]:
    """Return the hosts, those that the router is told of marked with when they were first ready."""
    uids = {host["Uid"] for host in told}
    return [{"ReadySince": now, **host} if host["Uid"] in uids else host for host in members(doc)]


def _containers(runs: Runs, host: Document, wanted: Document) -> Document:
    """Return where each container of a host is, and how they are called, where that is more than one way."""
    variant = next(each for each in wanted["Variants"] if each["VariantName"] == host["Variant"])
    if variant["Container"].get("Mode") == "MultiModel":
        return {"Models": _models(variant)}
    if "Containers" not in host:
        return {}
    told = [
        {"Hostname": container["ContainerHostname"], "Socket": str(runs[uid].socket)}
        for container, uid in zip(variant["Containers"], runs_of(host), strict=True)
    ]
    return {"Containers": told, "Mode": variant["Mode"]}


def _models(variant: Document) -> Document:
    """Return where a variant's many models are, who reads them, and whether they stay loaded."""
    container = variant["Container"]
    cache = container.get("MultiModelConfig", {}).get("ModelCacheSetting", "Enabled")
    return {"Prefix": container["ModelDataUrl"], "Role": variant["Role"], "Kept": cache == "Enabled"}


def ready(runs: Runs, host: Document) -> bool:
    """Say whether a host answers its health check: every container does."""
    return all(runs[uid].phase == "ready" for uid in runs_of(host))


def up(runs: Runs, host: Document) -> bool:
    """Say whether a host has answered its health check once, whatever it answers now."""
    return all(runs[uid].phase in ("ready", "unhealthy") for uid in runs_of(host))


def capture_summary(wanted: Document) -> Document:
    """Return DataCaptureConfig as DescribeEndpoint answers it, where a configuration has one."""
    config = wanted.get("DataCaptureConfig")
    if config is None:
        return {}
    enabled = config.get("EnableCapture", True)
    told: Document = {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
    return {"DataCaptureConfig": told}


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
    told: Document = {
        "VariantName": variant["VariantName"],
        "DeployedImages": [deployed],
        "CurrentWeight": variant["Weight"],
        "DesiredWeight": variant["Weight"],
    }
    if config := variant.get("Serverless"):  # evidence/serverless.md
        return {**told, "CurrentInstanceCount": 0, "CurrentServerlessConfig": config}
    return {
        **told,
        "CurrentInstanceCount": sum(
            host["Variant"] == variant["VariantName"] and host.get("Fleet") != rollout.NEW for host in serving
        ),
        "DesiredInstanceCount": variant["Count"],
    }
