"""What calls about inference components decide; the rest is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import crud
from clary.operations.kinds import of
from clary.operations.registry import Call, before, completes, operation
from clary.resources.inference.endpoint import ENDPOINT
from clary.resources.inference.endpoint_config import ENDPOINT_CONFIG
from clary.resources.inference.inference_component import INFERENCE_COMPONENT
from clary.store.record import key_of


@before("sagemaker", "CreateInferenceComponent")
def check(call: Call) -> None:
    """Refuse a component that does not say what it is made of."""
    if ("Specification" in call.request) == ("Specifications" in call.request):
        raise ValidationError("Give exactly one of Specification and Specifications.")


@completes("sagemaker", "CreateInferenceComponent")
def created(call: Call) -> Document:
    """Say where a component belongs, and that there is no copy of it."""
    arn = call.records.arn(ENDPOINT, call.request)
    return {"EndpointArn": arn, "VariantName": _variant(call), **copies(call)}


@completes("sagemaker", "UpdateInferenceComponent")
def copies(call: Call) -> Document:
    """Say how many copies are wanted; there is none."""
    wanted = call.request.get("RuntimeConfig")
    return {"RuntimeConfig": _counted(wanted["CopyCount"])} if wanted else {}


@operation("sagemaker", "UpdateInferenceComponentRuntimeConfig", level="stored")
def update_copies(call: Call) -> Document:
    """Change how many copies are wanted."""
    kind = of(INFERENCE_COMPONENT)
    with call.records.database.write():
        record = crud.named(kind, call)
        wanted = call.request["DesiredRuntimeConfig"]["CopyCount"]
        call.records.update(record, {"RuntimeConfig": _counted(wanted)})
    return {kind.arn_member: record.arn}


def _variant(call: Call) -> str:
    """Return the variant a component is for: the endpoint's first where none is named."""
    if named := call.request.get("VariantName"):
        return str(named)
    endpoint = call.records.get(ENDPOINT, call.request)
    config = call.records.find(ENDPOINT_CONFIG, key_of(ENDPOINT_CONFIG, endpoint.doc))
    return str(config.doc["ProductionVariants"][0]["VariantName"]) if config else ""


def _counted(wanted: int) -> Document:
    return {"DesiredCopyCount": wanted, "CurrentCopyCount": 0}
