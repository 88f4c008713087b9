"""What CreateHyperParameterTuningJob refuses about its training jobs' instances: evidence/tuning-jobs.md."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError

_ONE = ("InstanceType", "InstanceCount", "VolumeSizeInGB")


def check_resources(definition: Document) -> None:
    """Refuse resources said twice, or in two ways at once, or retained by the caller."""
    plain = definition.get("ResourceConfig") or {}
    tuning = definition.get("HyperParameterTuningResourceConfig") or {}
    if bool(plain) == bool(tuning):
        raise ValidationError("Give exactly one of ResourceConfig and HyperParameterTuningResourceConfig.")
    if "KeepAlivePeriodInSeconds" in plain:
        raise ValidationError(
            "ResourceConfig.KeepAlivePeriodInSeconds is not for tuning jobs, whose training jobs run on warm "
            "workers anyhow. Leave it out."
        )
    configs = tuning.get("InstanceConfigs") or []
    if both := [name for name in _ONE if configs and name in tuning]:
        raise ValidationError(
            f"HyperParameterTuningResourceConfig has both InstanceConfigs and {both[0]}; say it in each of "
            "InstanceConfigs, or leave InstanceConfigs out."
        )
    types = [each["InstanceType"] for each in configs]
    if twice := sorted({each for each in types if types.count(each) > 1}):
        raise ValidationError(f"InstanceConfigs has the instance type {twice[0]} twice; name each once.")
    if "AllocationStrategy" in tuning and not configs:
        raise ValidationError(
            "AllocationStrategy is given without InstanceConfigs, between which it decides. Leave it out, or "
            "give InstanceConfigs."
        )
