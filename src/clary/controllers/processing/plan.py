"""From a CreateProcessingJob request to the runs of its hosts: inputs, configuration files, outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass

from clary.controllers.hosts import ONE_GROUP, Host, uids_of
from clary.controllers.processing.processing_job import LONGEST_RUN, STOP_GRACE
from clary.controllers.s3 import RoleObjects
from clary.controllers.sources import found, share_of
from clary.core.document import Document
from clary.runtime import feed
from clary.runtime.spec import Input, Output, RunSpec
from clary.store.records import Record

ML = "/opt/ml/"
CONTINUOUS = "Continuous"


@dataclass(frozen=True)
class Upload:
    """One output that goes to S3: what it is called on disk, the directory below /opt/ml, and where to."""

    name: str
    directory: str
    uri: str
    continuous: bool


def hosts_of(doc: Document) -> tuple[Host, ...]:
    """Return every host that a job asks for."""
    cluster = doc["ProcessingResources"]["ClusterConfig"]
    count = range(1, (cluster.get("InstanceCount") or 1) + 1)
    return tuple(Host(number=number, type=cluster["InstanceType"], group=ONE_GROUP) for number in count)


def run_uids(job: Record) -> tuple[str, ...]:
    """Name the containers of the job's present attempt, one for each host."""
    return uids_of(job, len(hosts_of(job.doc)))


def uploads(doc: Document) -> tuple[Upload, ...]:
    """Return the outputs that are Clary's to upload: an AppManaged one is the program's own affair."""
    outputs = doc.get("ProcessingOutputConfig", {}).get("Outputs", ())
    return tuple(
        Upload(
            name=f"output-{number}",
            directory=below_ml(target["LocalPath"]),
            uri=target["S3Uri"].rstrip("/"),
            continuous=target["S3UploadMode"] == CONTINUOUS,
        )
        for number, each in enumerate(outputs, 1)
        if not each.get("AppManaged") and (target := each.get("S3Output"))
    )


def plan(job: Record, host: Host, objects: RoleObjects, environment: dict[str, str]) -> RunSpec:
    """Return the run that the job asks for on a host; data that is not there raises `DataFault`."""
    doc, uids, hosts = job.doc, run_uids(job), hosts_of(job.doc)
    program = doc["AppSpecification"]
    made = uploads(doc)
    return RunSpec(
        uid=uids[host.number - 1],
        image=program["ImageUri"],
        program="process",
        command=tuple(program.get("ContainerEntrypoint", ())),
        arguments=tuple(program.get("ContainerArguments", ())),
        environment={**environment, **doc.get("Environment", {})},
        host=host.name,
        hosts=tuple(each.name for each in hosts),
        gang=uids if len(uids) > 1 else (),
        instance_type=host.type,
        inputs=inputs(doc, objects, (host.number - 1, len(hosts))),
        files=configuration(job, host),
        outputs=tuple(
            Output(directory=each.directory, name=each.name, always=False, packed=False)
            for each in made
            if not each.continuous
        ),
        saved=tuple(each.directory for each in made if each.continuous),
        network=not doc.get("NetworkConfig", {}).get("EnableNetworkIsolation", False),
        stop_grace=STOP_GRACE,
    )


def inputs(doc: Document, objects: RoleObjects, share: tuple[int, int]) -> tuple[Input, ...]:
    """Place the objects of every input that is Clary's to download; a host gets its part of a sharded one."""
    placed: list[Input] = []
    for each in doc.get("ProcessingInputs", ()):
        if not each.get("AppManaged"):
            source = each["S3Input"]
            chosen = feed.split(found(source, objects), *share_of(source, share))
            placed += objects.placed(source["S3Uri"], chosen, below_ml(source["LocalPath"]))
    return tuple(placed)


def below_ml(path: str) -> str:
    """Return an absolute path inside the container as one relative to /opt/ml."""
    return "/".join(part for part in path.removeprefix("/").split("/") if part not in ("", "."))[
        len(ML) - 1 :
    ]


def configuration(job: Record, host: Host) -> dict[str, str]:
    """Return the files of /opt/ml/config; evidence/processing-container.md."""
    doc = job.doc
    described = {"current_host": host.name, "hosts": [each.name for each in hosts_of(doc)]}
    program, outputs = doc["AppSpecification"], doc.get("ProcessingOutputConfig", {})
    cluster = doc["ProcessingResources"]["ClusterConfig"]
    asked: Document = {
        "ProcessingJobArn": job.arn,
        "ProcessingJobName": doc["ProcessingJobName"],
        "AppSpecification": {
            "ImageUri": program["ImageUri"],
            "ContainerEntrypoint": program.get("ContainerEntrypoint"),
            "ContainerArguments": program.get("ContainerArguments"),
        },
        "Environment": doc.get("Environment", {}),
        "ProcessingInputs": [_input(each) for each in doc.get("ProcessingInputs", ())],
        "ProcessingOutputConfig": {"Outputs": outputs.get("Outputs", []), "KmsKeyId": None},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": len(described["hosts"]), "VolumeKmsKeyId": None, **cluster}
        },
        "RoleArn": doc["RoleArn"],
        "StoppingCondition": {"MaxRuntimeInSeconds": LONGEST_RUN, **doc.get("StoppingCondition", {})},
    }
    if "NetworkConfig" in doc:
        asked["NetworkConfig"] = doc["NetworkConfig"]
    return {
        "config/resourceconfig.json": json.dumps(described),
        "config/processingjobconfig.json": json.dumps(asked),
    }


def _input(given: Document) -> Document:
    """Return an input with what it leaves open, as the configuration file tells it."""
    if "S3Input" not in given:
        return given
    defaults = {
        "S3DataDistributionType": "FullyReplicated",
        "S3InputMode": "File",
        "S3CompressionType": "None",
        "S3DownloadMode": "StartOfJob",
    }
    return {**given, "S3Input": {**defaults, **given["S3Input"]}}
