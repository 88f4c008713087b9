"""How many hosts of which type a training job may ask for; evidence/several-hosts.md."""

from __future__ import annotations

from collections.abc import Sequence

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.runtime.network import MOST_HOSTS


def check(resources: Document) -> None:
    """Refuse a number of hosts, or groups of them, that could not be had."""
    groups = resources.get("InstanceGroups")
    if groups:
        _check_alone(resources)
        _check_names([group["InstanceGroupName"] for group in groups])
    elif "InstanceType" not in resources:
        raise ValidationError("ResourceConfig has no InstanceType and no InstanceGroups; name one of them.")
    for group in groups or [resources]:
        where = f" of the instance group {group['InstanceGroupName']!r}" if groups else ""
        count = group.get("InstanceCount", 0)
        if count < 1:
            raise ValidationError(f"ResourceConfig.InstanceCount{where} is {count}; it must be at least 1.")
        if "InstanceType" not in group:
            raise ValidationError(f"ResourceConfig has no InstanceType{where}.")
    count = sum(group["InstanceCount"] for group in groups or [resources])
    if count > MOST_HOSTS:
        raise ValidationError(
            f"ResourceConfig asks for {count} instances; Clary runs at most {MOST_HOSTS} for one job, for "
            "all of them are shares of one machine. Use fewer."
        )


def check_groups(resources: Document, named: Sequence[str], channel: str) -> None:
    """Refuse a channel for instance groups that the job does not have."""
    known = [group["InstanceGroupName"] for group in resources.get("InstanceGroups", ())]
    for name in named:
        if name not in known:
            raise ValidationError(
                f"The channel {channel!r} is for the instance group {name!r}, and ResourceConfig has none of "
                f"that name: it has {', '.join(known) or 'no InstanceGroups'}."
            )


def _check_alone(resources: Document) -> None:
    both = [name for name in ("InstanceType", "InstanceCount") if resources.get(name)]
    if both:
        raise ValidationError(
            f"ResourceConfig has InstanceGroups and {both[0]}; give {both[0]} in each instance group only."
        )


def _check_names(names: Sequence[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"ResourceConfig.InstanceGroups has more than one group called {twice[0]!r}.")
