"""What calls about scheduler configurations and compute quotas of clusters decide: versions and clusters."""

from __future__ import annotations

from collections.abc import Callable

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.operations import crud
from clary.operations.kinds import of
from clary.operations.registry import Call, before, completes
from clary.resources.planning.cluster_scheduler_config import CLUSTER_SCHEDULER_CONFIG
from clary.resources.planning.compute_quota import COMPUTE_QUOTA
from clary.resources.spec import Resource
from clary.store.records import Filter


def _declare(resource: Resource) -> None:
    kind = resource.kind
    before("sagemaker", f"Create{kind}")(_check_create(resource))
    before("sagemaker", f"Describe{kind}")(_check_version(resource))
    before("sagemaker", f"Update{kind}")(_check_target(resource))
    completes("sagemaker", f"Update{kind}")(_next_version(resource))


def _check_create(resource: Resource) -> Callable[[Call], None]:
    def check(call: Call) -> None:
        """Refuse an absent cluster, and a second one of the name on the same cluster."""
        name, cluster = call.request["Name"], call.request["ClusterArn"]
        if call.records.by_arn(cluster) is None:
            raise ValidationError(f"There is no cluster {cluster}.")
        alike = [Filter("Name", "eq", name), Filter("ClusterArn", "eq", cluster)]
        if found := call.records.page(resource, where=alike, limit=1).records:
            raise _conflict(f"The {resource.noun()} {name} of this cluster already exists ({found[0].arn}).")

    return check


def _check_version(resource: Resource) -> Callable[[Call], None]:
    member = f"{resource.kind}Version"

    def check(call: Call) -> None:
        """Refuse a version that is not the current one: earlier ones are not kept."""
        asked = call.request.get(member)
        record = crud.named(of(resource), call)
        if asked is not None and asked != record.doc[member]:
            raise ApiError(
                f"There is no version {asked} of the {resource.noun()} {record.arn}; the current one is "
                f"{record.doc[member]}.",
                code=resource.missing,
                status=400,
            )

    return check


def _check_target(resource: Resource) -> Callable[[Call], None]:
    def check(call: Call) -> None:
        """Refuse to change another version than the current one."""
        target, record = call.request["TargetVersion"], crud.named(of(resource), call)
        current = record.doc[f"{resource.kind}Version"]
        if target != current:
            raise _conflict(f"TargetVersion is {target}; the current version of {record.arn} is {current}.")

    return check


def _next_version(resource: Resource) -> Callable[[Call], Document]:
    return lambda call: {f"{resource.kind}Version": call.request["TargetVersion"] + 1}


def _conflict(words: str) -> ApiError:
    return ApiError(words, code="ConflictException", status=400)


_declare(CLUSTER_SCHEDULER_CONFIG)
_declare(COMPUTE_QUOTA)
