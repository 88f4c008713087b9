"""From a CreateTrainingJob request to a run: channels, configuration files, environment, outputs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from clary.controllers.hosts import Host
from clary.controllers.s3 import RoleObjects
from clary.controllers.sources import Share
from clary.controllers.training.channels import files, mode, pipes
from clary.controllers.training.hosts import hosts_of, run_uids
from clary.controllers.training.training_job import MODEL, UNPACKED, model_name
from clary.controllers.training.warm_pool import keep_alive
from clary.core.document import Document
from clary.runtime.network import interface
from clary.runtime.spec import Input, Output, RunSpec
from clary.store.records import Record

CHECKPOINTS, TENSORBOARD = "/opt/ml/checkpoints", "/opt/ml/output/tensorboard"
STOP_GRACE = timedelta(seconds=120)
MODELS = {
    MODEL: Output(directory="model", name=MODEL, always=False),
    UNPACKED: Output(directory="model", name=UNPACKED, always=False, packed=False),
}
DATA = Output(directory="output/data", name="output.tar.gz", always=False)


def plan(job: Record, host: Host, objects: RoleObjects, environment: dict[str, str]) -> RunSpec:
    """Return the run that the job asks for on a host; data that is not there raises `DataFault`."""
    doc, uids = job.doc, run_uids(job)
    algorithm, hosts = doc["AlgorithmSpecification"], hosts_of(doc)
    data = [({**doc, "InputDataConfig": [each]}, share) for each, share in given(doc, host)]
    return RunSpec(
        uid=uids[host.number - 1],
        image=algorithm.get("TrainingImage") or doc["_Image"],  # _Image: of the algorithm that it names
        program="train",
        command=tuple(algorithm.get("ContainerEntrypoint", ())),
        arguments=tuple(algorithm.get("ContainerArguments", ())),
        environment={
            **environment,
            "TRAINING_JOB_NAME": doc["TrainingJobName"],
            "TRAINING_JOB_ARN": job.arn,
            **doc.get("Environment", {}),
        },
        host=host.name,
        hosts=tuple(each.name for each in hosts),
        gang=uids if len(uids) > 1 else (),
        instance_type=host.type,
        inputs=(
            *(placed for one, share in data for placed in files(one, objects, share)),
            *checkpoints(doc, objects),
        ),
        pipes=tuple(pipe for one, share in data for pipe in pipes(one, objects, share)),
        files=configuration(doc, host),
        outputs=(MODELS[model_name(doc)], DATA),
        saved=tuple(saves(doc)),
        interruptible=doc.get("EnableManagedSpotTraining", False),
        network=not doc.get("EnableNetworkIsolation", False),
        stop_grace=STOP_GRACE,
        kept=keep_alive(doc),
    )


def saves(doc: Document) -> dict[str, str]:
    """Return which directories under /opt/ml are kept in S3 while the job runs, and where."""
    found: dict[str, str] = {}
    if board := doc.get("TensorBoardOutputConfig"):  # evidence/training-checkpoints.md
        path = board.get("LocalPath") or TENSORBOARD
        found[below_ml(path)] = (
            f"{board['S3OutputPath'].rstrip('/')}/{doc['TrainingJobName']}/tensorboard-output"
        )
    if config := doc.get("CheckpointConfig"):
        found[below_ml(config.get("LocalPath") or CHECKPOINTS)] = config["S3Uri"].rstrip("/")
    return found


def checkpoints(doc: Document, objects: RoleObjects) -> tuple[Input, ...]:
    """Place what is already at the S3 URI of the checkpoints; the program may write to it."""
    config = doc.get("CheckpointConfig")
    if not config:
        return ()
    uri = f"{config['S3Uri'].rstrip('/')}/"
    found = objects.found(uri, needed=False)
    placed = objects.placed(uri, found, below_ml(config.get("LocalPath") or CHECKPOINTS))
    return tuple(replace(each, writable=True) for each in placed)


def below_ml(path: str) -> str:
    """Return an absolute path inside the container as one relative to /opt/ml."""
    return path.rstrip("/").removeprefix("/opt/ml/")


def given(doc: Document, host: Host) -> list[tuple[Document, Share]]:
    """Return the channels that a host gets, and which host it is of how many that get them."""
    found = []
    for channel in doc.get("InputDataConfig", ()):
        groups = channel["DataSource"].get("S3DataSource", {}).get("InstanceGroupNames")
        sharing = [each for each in hosts_of(doc) if not groups or each.group in groups]
        if host in sharing:
            found.append((channel, (sharing.index(host), len(sharing))))
    return found


def configuration(doc: Document, host: Host) -> dict[str, str]:
    """Return the files of /opt/ml/input/config."""
    hosts = hosts_of(doc)
    groups: dict[str, Document] = {}
    for each in hosts:
        group = {"instance_group_name": each.group, "instance_type": each.type, "hosts": []}
        groups.setdefault(each.group, group)["hosts"].append(each.name)
    isolated = doc.get("EnableNetworkIsolation", False)
    described: Document = {
        "current_host": host.name,
        "current_instance_type": host.type,
        "current_group_name": host.group,
        "hosts": [each.name for each in hosts],
        "instance_groups": list(groups.values()),
        "network_interface_name": interface(hosts=len(hosts), network=not isolated),
    }
    inputs = {each["ChannelName"]: _channel(each, doc) for each, _ in given(doc, host)}
    return {
        "input/config/hyperparameters.json": json.dumps(doc.get("HyperParameters", {})),
        "input/config/inputdataconfig.json": json.dumps(inputs),
        "input/config/resourceconfig.json": json.dumps(described),
    }


def _channel(channel: Document, doc: Document) -> Document:
    source = channel["DataSource"].get("S3DataSource", {})
    described = {
        "TrainingInputMode": mode(channel, doc),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    if "ContentType" in channel:
        described["ContentType"] = channel["ContentType"]
    return described
