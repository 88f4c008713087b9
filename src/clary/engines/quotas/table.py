"""The quotas there are, made from the instance types that the service model knows."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache

from clary.wire import models

_USES = {
    "training job": "TrainingInstanceType",
    "spot training job": "TrainingInstanceType",
    "training warm pool": "TrainingInstanceType",
    "processing job": "ProcessingInstanceType",
    "transform job": "TransformInstanceType",
    "endpoint": "ProductionVariantInstanceType",
    "notebook instance": "InstanceType",
}
"""What instances are counted for, and the shape whose values they are."""

_RUNS = frozenset({"training job", "spot training job", "training warm pool", "endpoint"})
_WARM = "training warm pool"
_ACCELERATED = re.compile(r"ml\.(?:p\d|g\d|trn|inf|dl|eia)")
_CPU_DEFAULT = 4.0  # What public reports of new accounts name; evidence/service-quotas.md.
_TOTALS = {
    "Number of instances across all training jobs": 4.0,
    "Number of instances for an endpoint": 20.0,
}


@dataclass(frozen=True)
class Quota:
    """One quota of one service."""

    service: str
    name: str
    default: float
    adjustable: bool = True
    unit: str = "None"
    everywhere: bool = False
    binds: bool = False

    @property
    def description(self) -> str:
        """What it is good for here."""
        if self.binds:
            return "Enforced by Clary in strict mode (clary up --strict)."
        return "Listed as AWS lists it; Clary does not enforce it."

    @property
    def code(self) -> str:
        """Its code, made from its name: the same on every server, but not AWS's."""
        return "L-" + hashlib.sha256(f"{self.service} {self.name}".encode()).hexdigest()[:8].upper()


def usage(instance_type: str, use: str) -> str:
    """Return the name of the quota for instances of one type in one use."""
    return f"{instance_type} for {use} usage"


@cache
def quotas(service: str) -> dict[str, Quota]:
    """Return a service's quotas by code; none for a service that has none here."""
    found = _OTHERS.get(service, [])
    if service == "sagemaker":
        found = [Quota(service, name, value, binds=True) for name, value in _TOTALS.items()]
        for use, shape in _USES.items():
            for instance_type in models.service("sagemaker").shape_for(shape).metadata["enum"]:
                none = use == _WARM or _ACCELERATED.match(instance_type)
                value = 0.0 if none else _CPU_DEFAULT
                found.append(Quota(service, usage(instance_type, use), value, binds=use in _RUNS))
    return {quota.code: quota for quota in found}


SERVICES = {
    "iam": "AWS Identity and Access Management (IAM)",
    "logs": "Amazon CloudWatch Logs",
    "s3": "Amazon Simple Storage Service (Amazon S3)",
    "sagemaker": "Amazon SageMaker",
}
"""Service codes and their names."""

_OTHERS = {
    "iam": [
        Quota("iam", "Roles per account", 1000.0, everywhere=True),
        Quota("iam", "Users per account", 5000.0, adjustable=False, everywhere=True),
        Quota("iam", "Managed policies attached to an IAM role", 10.0, everywhere=True),
        Quota("iam", "Access keys per user", 2.0, adjustable=False, everywhere=True),
    ],
    "logs": [Quota("logs", "Log groups", 1_000_000.0)],
    "s3": [Quota("s3", "General purpose buckets", 10_000.0, everywhere=True)],
}
