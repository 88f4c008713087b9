"""What calls about endpoint configurations decide; the rest is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import references
from clary.operations.inference import serverless
from clary.operations.inference.asynchronous import check_config
from clary.operations.inference.model import refuse_many
from clary.operations.model_registry.packaged import containers_of
from clary.operations.registry import Call, before
from clary.resources.inference.model import MODEL

_UNBUILT = {
    "KmsKeyId": "volumes are not encrypted with keys of KMS; leave it out.",
    "ExplainerConfig": "online explanations are not built; leave it out.",
    "ShadowProductionVariants": "shadow tests are not built; leave it out. A variant of a small "
    "InitialVariantWeight gets real calls, and a DataCaptureConfig keeps calls to send to another endpoint.",
    "MetricsConfig": "leave it out.",
    "CrossRegionTrafficConfig": "leave it out.",
}
_UNBUILT_VARIANT = {
    "InstancePools": "name an InstanceType and InitialInstanceCount.",
    "AcceleratorType": "leave it out.",
    "CoreDumpConfig": "leave it out.",
    "EnableSSMAccess": "leave it out.",
    "ManagedInstanceScaling": "set InitialInstanceCount, and have Application Auto Scaling change it "
    "(RegisterScalableTarget, PutScalingPolicy).",
    "CapacityReservationConfig": "leave it out.",
    "AcceleratorPartitionLayouts": "leave it out.",
}


@before("sagemaker", "CreateEndpointConfig")
def check(call: Call) -> None:
    """Refuse a configuration that no endpoint could honour."""
    request = call.request
    references.refuse(request, _UNBUILT)
    if (capture := request.get("DataCaptureConfig")) and capture.get("EnableCapture", True):
        references.bucket(call, capture["DestinationS3Uri"], "DataCaptureConfig.DestinationS3Uri")
    if asynchronous := request.get("AsyncInferenceConfig"):
        check_config(call, asynchronous)
        if capture and capture.get("EnableCapture", True):
            raise ValidationError(
                "Clary does not capture the calls of asynchronous endpoints: their inputs and answers are in "
                "S3. Leave DataCaptureConfig out."
            )
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"ProductionVariants has more than one variant called {twice[0]!r}.")
    serverless.check_config(request)
    for variant in variants:
        _check_variant(call, variant)
        if asynchronous:
            refuse_many(call.records.get(MODEL, variant).doc, "asynchronous endpoints")
    if "ExecutionRoleArn" in request:
        references.role(call, request["ExecutionRoleArn"])


def _check_variant(call: Call, variant: Document) -> None:
    where = f"The variant {variant['VariantName']!r}: "
    references.refuse(variant, _UNBUILT_VARIANT, where)
    if "ModelName" not in variant:
        raise ValidationError(
            f"{where}no endpoint here has inference components: give a ModelName. Several models "
            "share a host as one model of the Mode MultiModel, or as the Containers of one model."
        )
    model = call.records.get(MODEL, variant).doc
    if "ServerlessConfig" in variant:
        serverless.check_model(variant, model, containers_of(model))
        return
    if "InstanceType" not in variant:
        raise ValidationError(f"{where}InstanceType is missing; give it, or a ServerlessConfig.")
    if "InitialInstanceCount" not in variant:
        raise ValidationError(f"{where}InitialInstanceCount is missing.")
