"""What models and endpoints leave in the lineage: artifacts, a context for an endpoint, its deployments.

Names, types and directions: evidence/automatic-lineage.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from clary.core.document import Document
from clary.engines.lineage.trace import ASSOCIATED, CONTRIBUTED, Entity, Trace, artifact

LONGEST_NAME = 120


def of_model(arn: str, doc: Document) -> Trace:
    """Return what a model leaves behind: itself, and the images and data that it is made of."""
    found = Trace()
    model = found.add(artifact(arn, "Model", doc["ModelName"]))
    asked = [doc.get("PrimaryContainer") or {}, *doc.get("Containers", ())]
    for container in doc.get("_Containers") or asked:  # The first are without packages' mere names.
        for part in parts(container):
            found.link(found.add(part), model, CONTRIBUTED)
    return found


def parts(container: Document) -> Iterator[Entity]:
    """Yield the image and the data of a container, or the model package that names them."""
    if image := container.get("Image"):
        yield artifact(image, "Image")
    data = container.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri")
    if uri := container.get("ModelDataUrl") or data:
        yield artifact(uri, "Model")
    if package := container.get("ModelPackageName"):
        yield artifact(package, "Model")


def of_endpoint(arn: str, doc: Document, known: Document) -> Trace:
    """Return what an endpoint leaves behind: a context, and an action for the deployment it is in.

    `known` is what its context remembers of the last deployment; without it the state of a deployment that
    was taken back could not be told from that of one that never was.
    """
    wanted, serving = doc.get("_Wanted", {}), doc.get("_Serving", {})
    present = wanted.get("Generation", 0)
    last = known
    if not last or present > last["Generation"]:
        began = doc.get("PendingDeploymentSummary", {}).get("StartTime") if last else doc["CreationTime"]
        name = _name(doc["EndpointName"], began or doc["LastModifiedTime"])
        last = {"Action": name, "Generation": present, "Open": True, "Variants": wanted.get("Variants", [])}
    status = "InProgress" if last["Open"] else ""
    if last["Open"] and serving.get("Generation") == last["Generation"]:
        status, last = "Completed", {**last, "Open": False}
    elif last["Open"] and (present != last["Generation"] or doc["EndpointStatus"] == "Failed"):
        status, last = "Failed", {**last, "Open": False}
    found = Trace()
    here = found.add(_context(arn, doc, {**last, "Generation": present, "Variants": []}))
    if status:
        _deployment(found, here, arn, last, status)
    return found


def context_name(doc: Document) -> str:
    """Return the name of an endpoint's context."""
    return _name(doc["EndpointName"], doc["CreationTime"])


def _context(arn: str, doc: Document, last: Document) -> Entity:
    name = context_name(doc)
    owned = {"_Deployment": last}
    new = {"ContextName": name, "ContextType": "Endpoint", "Source": _source(arn)}
    return Entity("Context", name, {**new, **owned}, owned)


def _deployment(found: Trace, endpoint: Entity, arn: str, last: Document, status: str) -> None:
    name = last["Action"]
    new = {"ActionName": name, "ActionType": "ModelDeployment", "Source": _source(arn), "Status": status}
    action = found.add(Entity("Action", name, new, {"Status": status}))
    found.link(action, endpoint, ASSOCIATED)
    for variant in last["Variants"]:
        container, model = variant.get("Container", {}), None
        if named := variant.get("ModelArn"):
            model = found.add(artifact(named, "Model", named.rpartition("/")[2]))
            found.link(model, action, CONTRIBUTED)
        for part in parts(container):
            found.add(part)
            found.link(
                part, action if model is None or part.doc["ArtifactType"] == "Image" else model, CONTRIBUTED
            )


def _source(arn: str) -> Document:
    return {"SourceUri": arn, "SourceType": "ARN"}


def _name(endpoint: str, began: datetime) -> str:
    """Return a name for what began then; the endpoint's own is at most 63 long."""
    return f"{endpoint}-{int(began.timestamp())}-aws-endpoint"[:LONGEST_NAME]
