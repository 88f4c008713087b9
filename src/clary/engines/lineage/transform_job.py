"""What a transform job leaves in the lineage: a trial component, the model and data that went into it, and
what came out.

Names, types and directions: evidence/batch-transform.md, evidence/automatic-lineage.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from clary.core.document import Document
from clary.engines.lineage.trace import CONTRIBUTED, PRODUCED, Entity, Trace, artifact

SOURCE_TYPE = "SageMakerTransformJob"
LONGEST_TEXT = 2500  # of a parameter's StringValue
LONGEST_MESSAGE = 1024


def trace(arn: str, uid: str, doc: Document) -> Trace:
    """Return what a transform job leaves behind in the state it is in."""
    found = Trace()
    component = found.add(_component(arn, uid, doc))
    found.link(found.add(artifact(_given(doc)["Value"], "DataSet")), component, CONTRIBUTED)
    found.link(
        found.add(artifact(doc["_Model"]["ModelArn"], "Model", doc["ModelName"])), component, CONTRIBUTED
    )
    if doc["TransformJobStatus"] == "Completed":
        found.link(component, found.add(artifact(_made(doc), "DataSet")), PRODUCED)
    return found


def _component(arn: str, uid: str, doc: Document) -> Entity:
    name = f"{doc['TransformJobName']}-aws-transform-job"
    config = doc.get("ExperimentConfig", {})
    status = doc["TransformJobStatus"]
    message = f"Status: {status}, failure reason: {doc.get('FailureReason', 'null')}"
    owned: Document = {
        "Source": {"SourceArn": arn, "SourceType": SOURCE_TYPE},
        "SourceKey": arn.lower(),
        "Status": {"PrimaryStatus": status, "Message": message[:LONGEST_MESSAGE]},
        "OutputArtifacts": {"SageMaker.TransformOutput": {"Value": _made(doc)}},
        "_Job": uid,
    }
    for ours, theirs in (("StartTime", "TransformStartTime"), ("EndTime", "TransformEndTime")):
        if theirs in doc:
            owned[ours] = doc[theirs]
    new = {
        "TrialComponentName": name,
        "DisplayName": config.get("TrialComponentDisplayName") or name,
        "Parameters": dict(_parameters(doc)),
        "InputArtifacts": {"SageMaker.TransformInput": _given(doc)},
        **({"Tags": doc["Tags"]} if doc.get("Tags") else {}),
    }
    return Entity("TrialComponent", name, {**new, **owned}, owned)


def _given(doc: Document) -> Document:
    given = doc["TransformInput"]
    kind = {"MediaType": given["ContentType"]} if given.get("ContentType") else {}
    return {**kind, "Value": given["DataSource"]["S3DataSource"]["S3Uri"]}


def _made(doc: Document) -> str:
    path: str = doc["TransformOutput"]["S3OutputPath"]
    return path


def _parameters(doc: Document) -> Iterator[tuple[str, Document]]:
    resources, container = doc["TransformResources"], doc["_Model"]["Container"]
    yield "SageMaker.InstanceCount", {"NumberValue": float(resources["InstanceCount"])}
    yield "SageMaker.InstanceType", {"StringValue": resources["InstanceType"]}
    yield "SageMaker.ModelName", {"StringValue": doc["ModelName"]}
    for member, name in (("ModelDataUrl", "DataUrl"), ("Image", "Image")):
        if value := container.get(member):
            yield f"SageMaker.ModelPrimary.{name}", {"StringValue": value[:LONGEST_TEXT]}
