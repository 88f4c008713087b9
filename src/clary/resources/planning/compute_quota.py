"""Compute quotas: how much of a cluster a team may use."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

COMPUTE_QUOTA = register(
    Resource(
        kind="ComputeQuota",
        identity=("ComputeQuotaId",),
        generated={"ComputeQuotaId": "{12}"},
        arn="compute-quota/{ComputeQuotaId}",
        status="Status",
        initial={
            **not_run("Status", "compute quotas", failed="CreateFailed"),
            "ComputeQuotaVersion": 1,
        },
        filters={"NameContains": "Name contains"},
    )
)
