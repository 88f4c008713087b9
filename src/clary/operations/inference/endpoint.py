"""What calls about endpoints decide: what is wanted, copied from configuration and models as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations.inference import serverless
from clary.operations.inference.deployment import check_deployment
from clary.operations.model_registry.packaged import containers_of
from clary.operations.registry import Call, operation
from clary.resources.inference.endpoint import ENDPOINT
from clary.resources.inference.endpoint_config import ENDPOINT_CONFIG
from clary.resources.inference.model import MODEL
from clary.store.records import Record

_VARIANT = ("VariantName", "InstanceType", "ContainerStartupHealthCheckTimeoutInSeconds")


@operation("sagemaker", "CreateEndpoint")
def create(call: Call) -> Document:
    """Keep what is wanted; its controller brings it up."""
    config = call.records.get(ENDPOINT_CONFIG, call.request)
    arn = call.records.arn(ENDPOINT, call.request)
    new = wanted(call, config, generation=1)
    doc = {**call.request, "EndpointArn": arn, "_Wanted": new}
    deployment = doc.pop("DeploymentConfig", None)
    serverless.check_update(call, (), new["Variants"], deployment)
    if deployment:
        check_deployment(call, deployment, new["Variants"])
        doc["LastDeploymentConfig"] = deployment
    call.records.create(ENDPOINT, doc, due=call.clock.now())
    return {"EndpointArn": arn}


@operation("sagemaker", "UpdateEndpoint")
def update(call: Call) -> Document:
    """Want another configuration; the present one serves until the other does."""
    request = call.request
    with call.records.database.write():
        endpoint = _settled(call)
        config = call.records.get(ENDPOINT_CONFIG, request)
        now = call.clock.now()
        new = wanted(call, config, generation=endpoint.doc["_Wanted"]["Generation"] + 1)
        if request.get("RetainAllVariantProperties"):
            excluded = request.get("ExcludeRetainedVariantProperties", ())
            new = _retained(new, endpoint.doc["_Wanted"], {each["VariantPropertyType"] for each in excluded})
        pending: Document = {"EndpointConfigName": config.name, "StartTime": now}
        pending["ProductionVariants"] = [_coming(each, now) for each in new["Variants"]]
        changes = {"EndpointStatus": "Updating", "_Wanted": new, "PendingDeploymentSummary": pending}
        deployment = _deployment(request, endpoint)
        serverless.check_update(call, endpoint.doc["_Wanted"]["Variants"], new["Variants"], deployment)
        if deployment:
            check_deployment(call, deployment, new["Variants"])
            changes["_Rollout"] = {"Config": deployment, "Began": now, "Step": 0}
        call.records.update(endpoint, changes, remove=("FailureReason", "_TakenBack"), due=now)
    return {"EndpointArn": endpoint.arn}


@operation("sagemaker", "UpdateEndpointWeightsAndCapacities")
def reweigh(call: Call) -> Document:
    """Want other weights or other numbers of hosts for the variants that there are."""
    asked = {each["VariantName"]: each for each in call.request["DesiredWeightsAndCapacities"]}
    with call.records.database.write():
        endpoint = _settled(call)
        new = endpoint.doc["_Wanted"]
        if unknown := asked.keys() - {variant["VariantName"] for variant in new["Variants"]}:
            raise ValidationError(f'Endpoint "{endpoint.arn}" has no variant called {sorted(unknown)[0]!r}.')
        variants = [_reweighed(variant, asked.get(variant["VariantName"], {})) for variant in new["Variants"]]
        changes: Document = {"EndpointStatus": "Updating", "_Wanted": {**new, "Variants": variants}}
        changes |= _desired(endpoint.doc, variants)
        call.records.update(endpoint, changes, remove=("FailureReason", "_TakenBack"), due=call.clock.now())
    return {"EndpointArn": endpoint.arn}


@operation("sagemaker", "DeleteEndpoint")
def delete(call: Call) -> None:
    """Stop answering at once; the record goes when the last host is gone."""
    with call.records.database.write():
        endpoint = call.records.get(ENDPOINT, call.request)
        if endpoint.status not in ("InService", "Failed", "RollingBack", "UpdateRollbackFailed"):
            raise _in_progress(endpoint)
        changes = {"EndpointStatus": "Deleting", "_Hosts": []}
        call.records.update(endpoint, changes, due=call.clock.now())


def wanted(call: Call, config: Record, *, generation: int) -> Document:
    """Return what a configuration asks for, with its models as they are now; a model that is gone raises."""
    isolated = config.doc.get("EnableNetworkIsolation", False)
    variants = [_variant(call, variant, isolated) for variant in config.doc["ProductionVariants"]]
    new: Document = {"Generation": generation, "EndpointConfigName": config.name, "Variants": variants}
    if capture := config.doc.get("DataCaptureConfig"):
        new["DataCaptureConfig"] = capture
    if asynchronous := config.doc.get("AsyncInferenceConfig"):
        if any(each.get("Mode") == "Direct" for each in variants):
            raise ValidationError("Containers that are called one by one cannot be invoked asynchronously.")
        new["AsyncInferenceConfig"] = asynchronous
    return new


def _coming(variant: Document, now: datetime) -> Document:
    """Return what PendingDeploymentSummary says of a variant whose hosts are to come up."""
    status = {"Status": "Creating", "StartTime": now}
    if count := variant["Count"]:
        status["StatusMessage"] = f"Launching {count} instance(s)."
    return {"VariantName": variant["VariantName"], "VariantStatus": [status]}


def _deployment(request: Document, endpoint: Record) -> Document | None:
    """Return how an update is to be rolled out, if the request says so."""
    given = request.get("DeploymentConfig")
    if not request.get("RetainDeploymentConfig"):
        return given
    if given:
        raise ValidationError(
            "Give a DeploymentConfig, or RetainDeploymentConfig to use the last one again, not both."
        )
    last: Document | None = endpoint.doc.get("LastDeploymentConfig")
    if last is None:
        raise ValidationError(
            f'RetainDeploymentConfig: the endpoint "{endpoint.arn}" was never deployed with a '
            "DeploymentConfig. Give one."
        )
    return last


def _variant(call: Call, variant: Document, isolated: bool) -> Document:
    found = call.records.get(MODEL, variant)
    model = found.doc
    containers = containers_of(model)
    several: Document = {}
    mode = model.get("InferenceExecutionConfig", {}).get("Mode", "Serial")
    if len(containers) > 1 or mode == "Direct":
        named = [
            {"ContainerHostname": f"container-{number}", **each} for number, each in enumerate(containers, 1)
        ]
        several = {"Containers": named, "Mode": mode}
    alone: Document = {}
    if config := variant.get("ServerlessConfig"):
        serverless.check_model(variant, model, containers)
        alone = {"Serverless": config}
    return {
        **{member: variant[member] for member in _VARIANT if member in variant},
        **alone,
        "Count": variant.get("InitialInstanceCount", 0),  # of environments there are as many as are called
        "Weight": variant.get("InitialVariantWeight", 1.0),
        "Container": containers[0],
        **several,
        "ModelArn": found.arn,
        "Role": model["ExecutionRoleArn"],
        "Isolated": isolated or model.get("EnableNetworkIsolation", False),
    }


def _retained(new: Document, before: Document, excluded: set[str]) -> Document:
    """Return a configuration with what the one that serves has of weights, numbers of hosts and capture."""
    serving = {each["VariantName"]: each for each in before["Variants"]}
    names = {"DesiredWeight": "Weight", "DesiredInstanceCount": "Count"}
    kept = [ours for theirs, ours in names.items() if theirs not in excluded]
    if any("Serverless" in each for each in (*new["Variants"], *before["Variants"])):
        kept = [name for name in kept if name != "Count"]
    variants = [
        {**each, **{name: serving.get(each["VariantName"], each)[name] for name in kept}}
        for each in new["Variants"]
    ]
    capture = "DataCaptureConfig"
    rest = {name: value for name, value in new.items() if name != capture or capture in excluded}
    if capture in before and capture not in excluded:
        rest[capture] = before[capture]
    return {**rest, "Variants": variants}


def _reweighed(variant: Document, asked: Document) -> Document:
    names = {"DesiredWeight": "Weight", "DesiredInstanceCount": "Count"}
    variant = serverless.updated(variant, asked)
    return {**variant, **{ours: asked[theirs] for theirs, ours in names.items() if theirs in asked}}


def _desired(doc: Document, variants: Sequence[Document]) -> Document:
    """Return how DescribeEndpoint tells of a serverless variant while another concurrency is made true."""
    wanted = {each["VariantName"]: each["Serverless"] for each in variants if "Serverless" in each}
    if not wanted:
        return {}
    told = [
        {**each, "DesiredServerlessConfig": wanted.get(each["VariantName"])}
        for each in doc["ProductionVariants"]
    ]
    return {"ProductionVariants": told}


def _settled(call: Call) -> Record:
    """Return the endpoint if it can be updated."""
    endpoint = call.records.get(ENDPOINT, call.request)
    if endpoint.status == "Failed":
        raise ValidationError(
            f'Cannot update endpoint "{endpoint.arn}" whose status is Failed. Delete it and create it again.'
        )
    if endpoint.status not in ("InService", "UpdateRollbackFailed"):
        raise _in_progress(endpoint)
    return endpoint


def _in_progress(endpoint: Record) -> ValidationError:
    # evidence/endpoint-in-progress.md
    return ValidationError(f'Cannot update in-progress endpoint "{endpoint.arn}".')
