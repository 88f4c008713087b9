"""Strict mode: an account's quotas bind, so that what runs here also runs on AWS.

Without `CLARY_STRICT` an account may use what the machine has; what it has not is queued, never refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.quotas.table import Quota, quotas, usage
from clary.operations.registry import Call
from clary.operations.service_quotas.quotas import value_of
from clary.resources.inference.endpoint import ENDPOINT
from clary.resources.inference.endpoint_config import ENDPOINT_CONFIG
from clary.resources.spec import Resource
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.records import Filter

Instances = Counter[str]
_EVERY = 100  # Records read at once.


def bound(call: Call) -> bool:
    """Tell whether quotas have a say in a call."""
    return call.settings.strict and call.service == "sagemaker" and call.operation in _CHECKS


def check(call: Call) -> None:
    """Refuse what an account's quotas do not allow, in AWS's words."""
    _CHECKS[call.operation](call)


def _check_training_job(call: Call) -> None:
    asked = _of_resources(call.request.get("ResourceConfig", {}))
    spot = bool(call.request.get("EnableManagedSpotTraining"))
    use = "spot training job" if spot else "training job"
    running = [Filter("TrainingJobStatus", "in", ("InProgress", "Stopping"))]
    used: Instances = Counter()
    pools: Instances = Counter()  # of jobs that have not begun
    every = 0
    for doc in _each(call, TRAINING_JOB, running):
        taken = _of_resources(doc["ResourceConfig"])
        every += sum(taken.values())
        if bool(doc.get("EnableManagedSpotTraining")) == spot:
            used += taken
        if doc["ResourceConfig"].get("KeepAlivePeriodInSeconds") and "WarmPoolStatus" not in doc:
            pools += taken
    for instance_type, count in asked.items():
        _hold(call, usage(instance_type, use), used[instance_type], count)
    _hold(call, "Number of instances across all training jobs", every, sum(asked.values()))
    if call.request.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds"):
        _check_warm_pools(call, asked, pools)


def _check_warm_pools(call: Call, asked: Instances, coming: Instances) -> None:
    kept = Counter(coming)
    for doc in _each(call, TRAINING_JOB, [Filter("WarmPoolStatus.Status", "in", ("Available", "InUse"))]):
        kept += _of_resources(doc["ResourceConfig"])
    for instance_type, count in asked.items():
        _hold(call, usage(instance_type, "training warm pool"), kept[instance_type], count)


def _check_endpoint(call: Call) -> None:
    config = call.records.find(ENDPOINT_CONFIG, call.request["EndpointConfigName"])
    _check_hosts(call, _of_variants(config.doc.get("ProductionVariants", ())) if config else Counter())


def _check_capacities(call: Call) -> None:
    endpoint = call.records.find(ENDPOINT, call.request["EndpointName"])
    wanted = {
        each["VariantName"]: each["DesiredInstanceCount"]
        for each in call.request["DesiredWeightsAndCapacities"]
        if "DesiredInstanceCount" in each
    }
    asked: Instances = Counter()
    for variant in endpoint.doc.get("_Wanted", {}).get("Variants", ()) if endpoint else ():
        asked[variant.get("InstanceType", "")] += wanted.get(variant["VariantName"], variant["Count"])
    _check_hosts(call, asked)


def _check_hosts(call: Call, asked: Instances) -> None:
    used: Instances = Counter()
    for doc in _each(call, ENDPOINT, ()):
        if doc["EndpointName"] != call.request["EndpointName"]:
            for variant in doc.get("_Wanted", {}).get("Variants", ()):
                used[variant.get("InstanceType", "")] += variant.get("Count", 0)
    for instance_type, count in asked.items():
        _hold(call, usage(instance_type, "endpoint"), used[instance_type], count)
    _hold(call, "Number of instances for an endpoint", 0, sum(asked.values()))


_CHECKS: Mapping[str, Callable[[Call], None]] = {
    "CreateTrainingJob": _check_training_job,
    "CreateEndpoint": _check_endpoint,
    "UpdateEndpoint": _check_endpoint,
    "UpdateEndpointWeightsAndCapacities": _check_capacities,
}


def _hold(call: Call, name: str, used: int, asked: int) -> None:
    quota = quotas("sagemaker").get(Quota("sagemaker", name, 0.0).code)
    if quota is None or not asked:
        return
    limit = value_of(call, quota)
    if used + asked > limit:
        raise _exceeded(quota, limit, used, asked)


def _exceeded(quota: Quota, limit: float, used: int, asked: int) -> ApiError:
    return ApiError(
        f"The account-level service limit '{quota.name}' is {limit:g} Instances, with current utilization of "
        f"{used} Instances and a request delta of {asked} Instances. Please use AWS Service Quotas to "
        f"request an increase for this quota ({quota.code}), or start Clary without strict mode.",
        code="ResourceLimitExceeded",
        status=400,
    )


def _of_resources(config: Document) -> Instances:
    groups = config.get("InstanceGroups") or [config]
    found: Instances = Counter()
    for group in groups:
        if "InstanceType" in group:
            found[group["InstanceType"]] += group.get("InstanceCount", 1)
    return found


def _of_variants(variants: list[Document]) -> Instances:
    found: Instances = Counter()
    for variant in variants:
        if "InstanceType" in variant:
            found[variant["InstanceType"]] += variant.get("InitialInstanceCount", 1)
    return found


def _each(call: Call, resource: Resource, where: list[Filter] | tuple[Filter, ...]) -> list[Document]:
    docs: list[Document] = []
    token = None
    while True:
        page = call.records.page(resource, where=where, limit=_EVERY, token=token)
        docs += [record.doc for record in page.records]
        if (token := page.next_token) is None:
            return docs
