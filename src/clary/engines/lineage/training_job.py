"""What a training job leaves in the lineage: a trial component, what went into it and what came out.

Names, types and directions: evidence/automatic-lineage.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from clary.core.document import Document
from clary.engines.lineage.trace import CONTRIBUTED, LONGEST_TEXT, PRODUCED, Entity, Trace, artifact, value_of

SOURCE_TYPE = "SageMakerTrainingJob"
LONGEST_KEY = 320
LONGEST_MESSAGE = 1024
MOST_PARAMETERS = 300
MOST_ARTIFACTS = 60


def trace(arn: str, uid: str, doc: Document) -> Trace:
    """Return what a training job leaves behind in the state it is in."""
    found = Trace()
    component = found.add(_component(arn, uid, doc))
    for channel in doc.get("InputDataConfig", ()):
        if uri := _uri(channel):
            found.link(found.add(artifact(uri, "DataSet")), component, CONTRIBUTED)
    if image := doc.get("AlgorithmSpecification", {}).get("TrainingImage"):
        found.link(found.add(artifact(image, "Image")), component, CONTRIBUTED)
    if model := doc.get("ModelArtifacts", {}).get("S3ModelArtifacts"):
        found.link(component, found.add(artifact(model, "Model")), PRODUCED)
    if checkpoints := doc.get("CheckpointConfig", {}).get("S3Uri"):
        found.link(component, found.add(artifact(checkpoints, "Checkpoint")), PRODUCED)
    return found


def component_name(job: str) -> str:
    """Return the name of the trial component that stands for a training job."""
    return f"{job}-aws-training-job"


def _component(arn: str, uid: str, doc: Document) -> Entity:
    name = component_name(doc["TrainingJobName"])
    config = doc.get("ExperimentConfig", {})
    owned: Document = {
        "Source": {"SourceArn": arn, "SourceType": SOURCE_TYPE},
        "SourceKey": arn.lower(),
        "Status": _status(doc),
        "OutputArtifacts": dict(_outputs(doc)),
        "_Job": uid,
    }
    for ours, theirs in (("StartTime", "TrainingStartTime"), ("EndTime", "TrainingEndTime")):
        if theirs in doc:
            owned[ours] = doc[theirs]
    if metrics := doc.get("FinalMetricDataList"):
        owned["Metrics"] = [
            {
                "MetricName": each["MetricName"],
                "SourceArn": arn,
                "TimeStamp": each["Timestamp"],
                "Last": float(each["Value"]),
            }
            for each in metrics
        ]
    new = {
        "TrialComponentName": name,
        "DisplayName": config.get("TrialComponentDisplayName") or name,
        "Parameters": dict(list(_parameters(doc))[:MOST_PARAMETERS]),
        "InputArtifacts": dict(list(_inputs(doc))[:MOST_ARTIFACTS]),
        **({"Tags": doc["Tags"]} if doc.get("Tags") else {}),
    }
    return Entity("TrialComponent", name, {**new, **owned}, owned)


def _status(doc: Document) -> Document:
    told: Document = {"PrimaryStatus": doc["TrainingJobStatus"]}
    message = (
        f"Status: {doc['TrainingJobStatus']}, secondary status: {doc.get('SecondaryStatus', '')}, "
        f"failure reason: {doc.get('FailureReason', '')}."
    )
    return {**told, "Message": message[:LONGEST_MESSAGE]}


def _parameters(doc: Document) -> Iterator[tuple[str, Document]]:
    resources = doc.get("ResourceConfig", {})
    if image := doc.get("AlgorithmSpecification", {}).get("TrainingImage"):
        yield "SageMaker.ImageUri", {"StringValue": image[:LONGEST_TEXT]}
    if instance := resources.get("InstanceType"):
        yield "SageMaker.InstanceType", {"StringValue": instance}
    for member in ("InstanceCount", "VolumeSizeInGB"):
        if member in resources:
            yield f"SageMaker.{member}", {"NumberValue": float(resources[member])}
    for name, value in doc.get("HyperParameters", {}).items():
        yield name[:LONGEST_KEY], value_of(value)


def _inputs(doc: Document) -> Iterator[tuple[str, Document]]:
    for channel in doc.get("InputDataConfig", ()):
        if uri := _uri(channel):
            kind = channel.get("ContentType")
            yield channel["ChannelName"], {**({"MediaType": kind} if kind else {}), "Value": uri}


def _outputs(doc: Document) -> Iterator[tuple[str, Document]]:
    if hook := doc.get("DebugHookConfig", {}).get("S3OutputPath"):
        yield "SageMaker.DebugHookOutput", {"Value": hook}
    if model := doc.get("ModelArtifacts", {}).get("S3ModelArtifacts"):
        yield "SageMaker.ModelArtifact", {"Value": model}


def _uri(channel: Document) -> str:
    source = channel.get("DataSource", {}).get("S3DataSource", {})
    return str(source.get("S3Uri", ""))
