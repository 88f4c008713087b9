"""A DeploymentConfig must be one that can be followed: evidence/endpoint-deployments.md."""

from __future__ import annotations

from collections.abc import Sequence

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations.registry import Call
from clary.resources.cloudwatch.alarm import COMPOSITE_ALARM, METRIC_ALARM

_SIZES = {"CANARY": ("CanarySize", 0), "LINEAR": ("LinearStepSize", 10)}
_MOST = 50


def check_deployment(call: Call, config: Document, variants: Sequence[Document]) -> None:
    """Refuse what does not fit the fleet it is for, and alarms that are not there."""
    blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if blue_green and rolling:
        raise ValidationError(
            "DeploymentConfig has both a BlueGreenUpdatePolicy and a RollingUpdatePolicy: leave one out."
        )
    if blue_green:
        _check_routing(blue_green["TrafficRoutingConfiguration"], variants)
        _check_limit(blue_green, blue_green["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"])
    if rolling:
        _check_size("MaximumBatchSize", rolling["MaximumBatchSize"], 5, variants)
        _check_limit(rolling, rolling["WaitIntervalInSeconds"])
        _check_rollback(rolling.get("RollbackMaximumBatchSize"))
    for alarm in config.get("AutoRollbackConfiguration", {}).get("Alarms", ()):
        name = alarm.get("AlarmName", "")
        if not (call.records.find(METRIC_ALARM, name) or call.records.find(COMPOSITE_ALARM, name)):
            raise ValidationError(
                f"AutoRollbackConfiguration names the alarm {name!r}, and CloudWatch has none of that name. "
                "Make it with PutMetricAlarm first."
            )


def _check_routing(routing: Document, variants: Sequence[Document]) -> None:
    kind = routing["Type"]
    for other, (member, least) in _SIZES.items():
        if other != kind:
            if member in routing:
                raise ValidationError(f"{member} goes with the type {other}, not with {kind}: leave it out.")
        elif member not in routing:
            raise ValidationError(f"TrafficRoutingConfiguration of type {kind} needs a {member}.")
        else:
            _check_size(member, routing[member], least, variants)


def _check_size(member: str, size: Document, least: int, variants: Sequence[Document]) -> None:
    """Refuse a size that is not between two percentages of every variant."""
    value = size["Value"]
    for variant in variants:
        count = variant["Count"]
        percent = value if size["Type"] == "CAPACITY_PERCENT" else 100 * value / max(1, count)
        if not least <= percent <= _MOST:
            bounds = f"from {least} to {_MOST} %" if least else f"at most {_MOST} %"
            given = f"{value} %" if size["Type"] == "CAPACITY_PERCENT" else f"{value} of {count}"
            raise ValidationError(
                f"{member} must be {bounds} of the instances of the variant {variant['VariantName']!r}, not "
                f"{given}."
            )


def _check_limit(policy: Document, wait: int) -> None:
    limit, kept = policy.get("MaximumExecutionTimeoutInSeconds"), policy.get("TerminationWaitInSeconds", 0)
    if limit is not None and limit <= wait + kept:
        raise ValidationError(
            f"MaximumExecutionTimeoutInSeconds ({limit}) must be more than WaitIntervalInSeconds and "
            f"TerminationWaitInSeconds together ({wait + kept})."
        )


def _check_rollback(size: Document | None) -> None:
    if size and (size["Type"], size["Value"]) != ("CAPACITY_PERCENT", 100):
        raise ValidationError(
            "RollbackMaximumBatchSize: an update is taken back all at once here. Leave it out, or say 100 of "
            "CAPACITY_PERCENT."
        )
