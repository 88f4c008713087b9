"""From a CreateTransformJob request to the runs of its hosts: which objects, by which server, and how."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from clary.controllers.inference.endpoint_world import model_data
from clary.controllers.means import Means
from clary.controllers.s3 import RoleObjects
from clary.controllers.sources import found
from clary.core.document import Document
from clary.runtime import feed
from clary.runtime.spec import Item, RunSpec, Transform
from clary.store.records import Record

STARTUP = timedelta(minutes=30)  # evidence/batch-transform.md
TIMEOUT = 600  # seconds for one request
STOP_GRACE = timedelta(seconds=5)  # a server that has answered everything has nothing to save
_STRATEGIES = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD"}


def run_uids(job: Record, attempt: int) -> tuple[str, ...]:
    """Name the runs of an attempt, one for each host."""
    count = job.doc["TransformResources"]["InstanceCount"]
    return tuple(f"{job.uid}-{attempt}-{number}" for number in range(1, count + 1))


def items(doc: Document, objects: RoleObjects) -> tuple[Item, ...]:
    """Return every object to transform, in the order of their names."""
    source = doc["TransformInput"]["DataSource"]["S3DataSource"]
    return tuple(Item(source=each.path, name=each.name, uri=each.uri) for each in found(source, objects))


def plans(job: Record, means: Means, finished: Collection[str]) -> list[RunSpec]:
    """Return the runs of the present attempt: what is not `finished`, shared out between the hosts.

    A host for which no object is left is not started.
    """
    doc, model = job.doc, job.doc["_Model"]
    objects = means.as_role(model["Role"])
    left = [item for item in items(doc, objects) if item.name not in finished]
    uids = run_uids(job, doc.get("_Attempt", 1))
    shares = [feed.split(left, number, len(uids)) for number in range(min(len(uids), len(left)))]
    gang = uids[: len(shares)] if len(shares) > 1 else ()
    data = model_data(model["Container"], objects)
    return [
        RunSpec(
            uid=uid,
            image=model["Container"]["Image"],
            program="serve",
            environment={
                **means.environment(uid, model["Role"], job.region),
                **_told(doc),
                **model["Container"].get("Environment", {}),
                **doc.get("Environment", {}),
            },
            gang=gang,
            instance_type=doc["TransformResources"]["InstanceType"],
            inputs=data,
            network=not model["Isolated"],
            serves=True,
            startup_timeout=STARTUP,
            stop_grace=STOP_GRACE,
            transform=transform(doc, tuple(share)),
        )
        for uid, share in zip(uids, shares, strict=False)
    ]


def transform(doc: Document, share: tuple[Item, ...]) -> Transform:
    """Return what a host does with its objects."""
    given, wanted, processing = doc["TransformInput"], doc["TransformOutput"], doc.get("DataProcessing", {})
    client = doc.get("ModelClientConfig", {})
    return Transform(
        items=share,
        split=given.get("SplitType", "None"),
        strategy=doc.get("BatchStrategy"),
        payload_mb=doc.get("MaxPayloadInMB"),
        concurrency=doc.get("MaxConcurrentTransforms"),
        content_type=given.get("ContentType", ""),
        accept=wanted.get("Accept", ""),
        gunzip=given.get("CompressionType") == "Gzip",
        lines=wanted.get("AssembleWith") == "Line",
        input_filter=processing.get("InputFilter") or "$",
        output_filter=processing.get("OutputFilter") or "$",
        join=processing.get("JoinSource") == "Input",
        inference_time=_inference_time(doc),
        timeout=client.get("InvocationsTimeoutInSeconds", TIMEOUT),
        retries=client.get("InvocationsMaxRetries", 3),
    )


def _inference_time(doc: Document) -> str:
    if not doc.get("DataCaptureConfig", {}).get("GenerateInferenceId"):
        return ""
    began: datetime = doc["CreationTime"]
    return began.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _told(doc: Document) -> dict[str, str]:
    """Return what a container is told of the job; of what the caller left open, nothing."""
    seconds = doc.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", TIMEOUT)
    told = {"SAGEMAKER_BATCH": "true", "SAGEMAKER_MODEL_SERVER_TIMEOUT": str(seconds)}
    if "MaxPayloadInMB" in doc:
        told["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(doc["MaxPayloadInMB"])
    if "BatchStrategy" in doc:
        told["SAGEMAKER_BATCH_STRATEGY"] = _STRATEGIES[doc["BatchStrategy"]]
    if doc.get("MaxConcurrentTransforms"):
        told["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(doc["MaxConcurrentTransforms"])
    return told
