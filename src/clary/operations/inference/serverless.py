"""What a serverless variant may be, and how it may change: evidence/serverless.md."""

from __future__ import annotations

from collections.abc import Sequence

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations.registry import Call

_GIB = 1024  # MB; sizes come in steps of one
_NOT_BESIDE = {
    "InstanceType": "it has no instances",
    "InitialInstanceCount": "it has no instances",
    "VolumeSizeInGB": "it has no volume of its own",
    "RoutingConfig": "each call has an environment to itself",
    "InferenceAmiVersion": "it has no instances",
}
_MODEL_HAS_NO = "is not supported for serverless endpoint"


def check_config(request: Document) -> None:
    """Refuse a configuration with a serverless variant that could not be honoured."""
    variants = request["ProductionVariants"]
    if not any("ServerlessConfig" in variant for variant in variants):
        return
    if len(variants) > 1:
        raise ValidationError(
            f"A serverless endpoint has exactly one production variant; this one has {len(variants)}. "
            "Name one, or give each an InstanceType instead of a ServerlessConfig."
        )
    if request.get("DataCaptureConfig", {}).get("EnableCapture", True) and "DataCaptureConfig" in request:
        raise ValidationError(f"Data capture {_MODEL_HAS_NO}. Leave DataCaptureConfig out.")
    if "AsyncInferenceConfig" in request:
        raise ValidationError(f"Asynchronous inference {_MODEL_HAS_NO}. Leave AsyncInferenceConfig out.")
    if request.get("EnableNetworkIsolation"):
        raise ValidationError(f"network isolation {_MODEL_HAS_NO}. Leave EnableNetworkIsolation out.")
    if "VpcConfig" in request:
        raise ValidationError(f"A VPC {_MODEL_HAS_NO}. Leave VpcConfig out.")
    _check_variant(variants[0])


def check_model(variant: Document, model: Document, containers: Sequence[Document]) -> None:
    """Refuse a model that no serverless environment may hold."""
    where = f"The model {model['ModelName']!r} of the variant {variant['VariantName']!r}: "
    if len(containers) > 1:
        raise ValidationError(
            f"{where}an inference pipeline {_MODEL_HAS_NO}; it has {len(containers)} containers."
        )
    if containers[0].get("Mode") == "MultiModel":
        raise ValidationError(f"{where}a multi-model container {_MODEL_HAS_NO}. Use the Mode SingleModel.")
    if model.get("EnableNetworkIsolation"):
        raise ValidationError(f"{where}network isolation {_MODEL_HAS_NO}.")
    if "VpcConfig" in model:
        raise ValidationError(f"{where}a VPC {_MODEL_HAS_NO}.")


def check_update(
    call: Call, before: Sequence[Document], new: Sequence[Document], deployment: Document | None
) -> None:
    """Refuse to make an endpoint with instances serverless, and to roll out environments like instances."""
    was, becomes = ("Serverless" in variants[0] for variants in (before or new, new))
    if becomes and not was:
        raise ValidationError(
            f"Cannot update endpoint {call.request['EndpointName']!r}: an endpoint with instances cannot "
            "become serverless. Create another endpoint with this configuration."
        )
    if deployment and (was or becomes):
        raise ValidationError(
            "A DeploymentConfig is about instances, which a serverless endpoint does not have. Leave it out: "
            "the old environments answer until a new one does."
        )


def updated(variant: Document, asked: Document) -> Document:
    """Return a variant with the concurrency that UpdateEndpointWeightsAndCapacities asks for."""
    change, config = asked.get("ServerlessUpdateConfig"), variant.get("Serverless")
    name = variant["VariantName"]
    if config is None:
        if change is not None:
            raise ValidationError(
                f"The variant {name!r} is not serverless: give a DesiredInstanceCount instead of a "
                "ServerlessUpdateConfig."
            )
        return variant
    if "DesiredInstanceCount" in asked:
        raise ValidationError(
            f"The variant {name!r} is serverless and has no instances: give a ServerlessUpdateConfig instead "
            "of a DesiredInstanceCount."
        )
    whole = {**config, **(change or {})}
    _check_concurrency(name, whole)
    return {**variant, "Serverless": whole}


def _check_variant(variant: Document) -> None:
    name, config = variant["VariantName"], variant["ServerlessConfig"]
    for member, why in _NOT_BESIDE.items():
        if member in variant:
            raise ValidationError(
                f"The variant {name!r} has a ServerlessConfig and {member}, and {why}: leave one of them out."
            )
    memory = config["MemorySizeInMB"]
    if memory % _GIB:
        raise ValidationError(
            f"MemorySizeInMB of the variant {name!r} is {memory}; it must be one of 1024, 2048, 3072, 4096, "
            "5120 and 6144."
        )
    _check_concurrency(name, config)


def _check_concurrency(name: str, config: Document) -> None:
    provisioned, most = config.get("ProvisionedConcurrency", 0), config["MaxConcurrency"]
    if provisioned > most:
        raise ValidationError(
            f"ProvisionedConcurrency of the variant {name!r} is {provisioned}; it must not be more than "
            f"MaxConcurrency, {most}."
        )
