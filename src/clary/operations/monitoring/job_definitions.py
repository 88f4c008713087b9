"""What calls about the definitions of monitoring jobs decide; the rest is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations import references
from clary.operations.registry import Call, before, completes

_KINDS = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")


def check(call: Call) -> None:
    """Refuse a role that cannot be passed on."""
    references.role(call, call.request["RoleArn"])


def endpoint(call: Call) -> Document:
    """Name the endpoint whose data is looked at, which a List filters by; "" for that of a transform job."""
    kind = call.operation.removeprefix("Create").removesuffix("JobDefinition")
    source = call.request[f"{kind}JobInput"].get("EndpointInput", {})
    return {"EndpointName": source.get("EndpointName", "")}


for _kind in _KINDS:
    before("sagemaker", f"Create{_kind}JobDefinition")(check)
    completes("sagemaker", f"Create{_kind}JobDefinition")(endpoint)
