"""What a processing job leaves in the lineage: a trial component, what went into it and what came out.

Names, types and directions: evidence/processing-lineage.md, evidence/automatic-lineage.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from clary.core.document import Document
from clary.engines.lineage.trace import CONTRIBUTED, PRODUCED, Entity, Trace, artifact, value_of

SOURCE_TYPE = "SageMakerProcessingJob"
LONGEST_KEY = 320
LONGEST_MESSAGE = 1024
MOST_PARAMETERS = 300


def trace(arn: str, uid: str, doc: Document) -> Trace:
    """Return what a processing job leaves behind in the state it is in."""
    found = Trace()
    component = found.add(_component(arn, uid, doc))
    for _, uri in _given(doc):
        found.link(found.add(artifact(uri, "DataSet")), component, CONTRIBUTED)
    image = doc["AppSpecification"]["ImageUri"]
    found.link(found.add(artifact(image, "Image")), component, CONTRIBUTED)
    if doc["ProcessingJobStatus"] == "Completed":
        for _, uri in _made(doc):
            found.link(component, found.add(artifact(uri, "DataSet")), PRODUCED)
    return found


def _component(arn: str, uid: str, doc: Document) -> Entity:
    name = f"{doc['ProcessingJobName']}-aws-processing-job"
    config, status = doc.get("ExperimentConfig", {}), doc["ProcessingJobStatus"]
    message = (
        f"Status: {status}, exit message: {doc.get('ExitMessage', 'null')}, "
        f"failure reason: {doc.get('FailureReason', 'null')}"
    )
    owned: Document = {
        "Source": {"SourceArn": arn, "SourceType": SOURCE_TYPE},
        "SourceKey": arn.lower(),
        "Status": {"PrimaryStatus": status, "Message": message[:LONGEST_MESSAGE]},
        "OutputArtifacts": {output: {"Value": uri} for output, uri in _made(doc)},
        "_Job": uid,
    }
    for ours, theirs in (("StartTime", "ProcessingStartTime"), ("EndTime", "ProcessingEndTime")):
        if theirs in doc:
            owned[ours] = doc[theirs]
    new = {
        "TrialComponentName": name,
        "DisplayName": config.get("TrialComponentDisplayName") or name,
        "Parameters": dict(list(_parameters(doc))[:MOST_PARAMETERS]),
        "InputArtifacts": {
            "SageMaker.ImageUri": {"Value": doc["AppSpecification"]["ImageUri"]},
            **{given: {"Value": uri} for given, uri in _given(doc)},
        },
        **({"Tags": doc["Tags"]} if doc.get("Tags") else {}),
    }
    return Entity("TrialComponent", name, {**new, **owned}, owned)


def _given(doc: Document) -> Iterator[tuple[str, str]]:
    for each in doc.get("ProcessingInputs", ()):
        if uri := each.get("S3Input", {}).get("S3Uri"):
            yield each["InputName"], uri


def _made(doc: Document) -> Iterator[tuple[str, str]]:
    for each in doc.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        if uri := each.get("S3Output", {}).get("S3Uri"):
            yield each["OutputName"], uri


def _parameters(doc: Document) -> Iterator[tuple[str, Document]]:
    cluster = doc["ProcessingResources"]["ClusterConfig"]
    yield "SageMaker.InstanceCount", {"NumberValue": float(cluster["InstanceCount"])}
    yield "SageMaker.InstanceType", {"StringValue": cluster["InstanceType"]}
    yield "SageMaker.VolumeSizeInGB", {"NumberValue": float(cluster["VolumeSizeInGB"])}
    for name, value in doc.get("Environment", {}).items():
        yield name[:LONGEST_KEY], value_of(value)
