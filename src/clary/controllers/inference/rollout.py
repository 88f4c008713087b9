"""How an update with a DeploymentConfig proceeds: its steps, what share of the calls each turns over, when.

`_Rollout` of an endpoint has the configuration (`Config`), when the update began (`Began`), the present step
(`Step`, from 0) and, once the calls are spread as it says, since when they are (`Since`): from then on it
bakes. evidence/endpoint-deployments.md
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clary.core.document import Document

NEW = "new"  # what `_Hosts` says as the Fleet of an update's hosts, as long as it is not done
_TINY = 1e-9  # so much a sum of shares may be off


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps of one update."""

    shares: tuple[float, ...]
    """What part of the calls the new hosts get, step by step; all of them in the last one."""

    counts: tuple[Mapping[str, int], ...] = ()
    """How many new hosts of each variant there are, step by step, where they come in batches."""

    wait: timedelta
    """How long each step bakes."""

    kept: timedelta = timedelta()
    """How long the old hosts are kept once all is done."""

    limit: timedelta | None = None
    alarms: tuple[str, ...] = ()


def plan(config: Document, variants: Sequence[Document]) -> Plan:
    """Return the steps for a fleet of these variants."""
    alarms = tuple(
        alarm["AlarmName"]
        for alarm in config.get("AutoRollbackConfiguration", {}).get("Alarms", ())
        if "AlarmName" in alarm
    )
    if rolling := config.get("RollingUpdatePolicy"):
        counts = _batches(rolling["MaximumBatchSize"], variants)
        return Plan(
            shares=tuple(_share(variants, each) for each in counts),
            counts=counts,
            wait=timedelta(seconds=rolling["WaitIntervalInSeconds"]),
            limit=_limit(rolling),
            alarms=alarms,
        )
    policy = config.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0})
    return Plan(
        shares=_shares(routing, variants),
        wait=timedelta(seconds=routing["WaitIntervalInSeconds"]),
        kept=timedelta(seconds=policy.get("TerminationWaitInSeconds", 0)),
        limit=_limit(policy),
        alarms=alarms,
    )


def plan_of(doc: Document) -> Plan:
    """Return the steps of the update that an endpoint is in."""
    return plan(doc["_Rollout"]["Config"], doc["_Wanted"]["Variants"])


def wanted_counts(doc: Document, wanted: Document) -> Mapping[str, int]:
    """Return how many hosts of each variant of a configuration there should be by now."""
    full = {variant["VariantName"]: variant["Count"] for variant in wanted["Variants"]}
    if "_Rollout" not in doc or wanted["Generation"] != doc["_Wanted"]["Generation"]:
        return full
    counts = plan_of(doc).counts
    return counts[doc["_Rollout"]["Step"]] if counts else full


def kept_counts(doc: Document) -> Mapping[str, int] | None:
    """Return how many old hosts of each variant a step that is under way still needs; None for all."""
    rollout, steps = doc["_Rollout"], plan_of(doc)
    reached = rollout["Step"] if "Since" in rollout else rollout["Step"] - 1
    if not steps.counts or reached < 0:
        return None
    left = 1 - steps.shares[reached] - _TINY
    return {each["VariantName"]: math.ceil(each["Count"] * left) for each in doc["_Serving"]["Variants"]}


def fault(doc: Document, alarm: str, now: datetime) -> str:
    """Say why an update must be taken back; an empty text if it need not."""
    rollout = doc.get("_Rollout")
    if rollout is None or doc["EndpointStatus"] != "Updating":
        return ""
    limit = plan_of(doc).limit
    if limit is not None and now - rollout["Began"] > limit:
        seconds = limit.total_seconds()
        return f"It took longer than MaximumExecutionTimeoutInSeconds ({seconds:.0f} s)."
    return alarm


def mixed(old: Sequence[Document], new: Sequence[Document], share: float) -> list[Document]:
    """Return what the router is told so that the new hosts get that share of the calls."""
    if share >= 1:
        return [{**host, "Fleet": NEW} for host in new]
    return [*_part("old", old, 1 - share), *_part(NEW, new, share)]


def _part(name: str, hosts: Sequence[Document], share: float) -> list[Document]:
    """Return hosts whose variants' weights together are `share`; as a fleet of their own.

    `Share` is the part of the calls that name a variant: one of weight 0 has hosts of both fleets as well.
    """
    weights = {host["Variant"]: host["Weight"] for host in hosts}
    total = sum(weights.values())
    each = {
        variant: share * weight / total if total else share / len(weights)
        for variant, weight in weights.items()
    }
    return [{**host, "Weight": each[host["Variant"]], "Share": share, "Fleet": name} for host in hosts]


def _shares(routing: Document, variants: Sequence[Document]) -> tuple[float, ...]:
    if routing["Type"] == "CANARY":
        return (_part_of(routing["CanarySize"], variants, 1), 1.0)
    if routing["Type"] == "LINEAR":
        shares: list[float] = []
        while not shares or shares[-1] < 1:
            shares.append(_part_of(routing["LinearStepSize"], variants, len(shares) + 1))
        return tuple(shares)
    return (1.0,)


def _part_of(size: Document, variants: Sequence[Document], times: int) -> float:
    """Return what part of a fleet several steps of one size are."""
    if size["Type"] == "CAPACITY_PERCENT":
        return min(1.0, float(times * size["Value"] / 100))
    return _share(variants, {each["VariantName"]: times * int(size["Value"]) for each in variants})


def _share(variants: Sequence[Document], counts: Mapping[str, int]) -> float:
    """Return what part of the calls so many hosts of each variant are for."""
    whole = sum(each["Weight"] for each in variants)
    weights = [each["Weight"] if whole else 1.0 for each in variants]
    parts = [min(1.0, counts[each["VariantName"]] / max(1, each["Count"])) for each in variants]
    if all(counts[each["VariantName"]] >= each["Count"] for each in variants):
        return 1.0
    return float(sum(weight * part for weight, part in zip(weights, parts, strict=True)) / sum(weights))


def _batches(size: Document, variants: Sequence[Document]) -> tuple[Mapping[str, int], ...]:
    batch = {
        each["VariantName"]: max(1, each["Count"] * size["Value"] // 100)
        if size["Type"] == "CAPACITY_PERCENT"
        else int(size["Value"])
        for each in variants
    }
    steps = max(1, *(math.ceil(each["Count"] / batch[each["VariantName"]]) for each in variants))
    return tuple(
        {name: min(each["Count"], step * batch[name]) for each in variants for name in [each["VariantName"]]}
        for step in range(1, steps + 1)
    )


def _limit(policy: Document) -> timedelta | None:
    seconds = policy.get("MaximumExecutionTimeoutInSeconds")
    return timedelta(seconds=seconds) if seconds else None
