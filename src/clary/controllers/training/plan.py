"""From a CreateTrainingJob request to a run: channels, configuration files, environment, outputs."""

from __future__ import annotations

import json
from datetime import timedelta

from clary.controllers.s3 import RoleObjects
from clary.core.document import Document
from clary.runtime.spec import Input, Output, RunSpec
from clary.store.records import Record

HOST = "algo-1"
STOP_GRACE = timedelta(seconds=120)
OUTPUTS = (
    Output(directory="model", name="model.tar.gz", always=False),
    Output(directory="output/data", name="output.tar.gz", always=False),
)


def plan(job: Record, uid: str, objects: RoleObjects, environment: dict[str, str]) -> RunSpec:
    """Return the run that the job asks for; data that is not there raises `DataFault`."""
    doc = job.doc
    algorithm = doc["AlgorithmSpecification"]
    return RunSpec(
        uid=uid,
        image=algorithm["TrainingImage"],
        program="train",
        command=tuple(algorithm.get("ContainerEntrypoint", ())),
        arguments=tuple(algorithm.get("ContainerArguments", ())),
        environment={
            **environment,
            "TRAINING_JOB_NAME": doc["TrainingJobName"],
            "TRAINING_JOB_ARN": job.arn,
            **doc.get("Environment", {}),
        },
        host=HOST,
        hosts=(HOST,),
        instance_type=doc["ResourceConfig"]["InstanceType"],
        inputs=channels(doc, objects),
        files=configuration(doc),
        outputs=OUTPUTS,
        network=not doc.get("EnableNetworkIsolation", False),
        stop_grace=STOP_GRACE,
    )


def channels(doc: Document, objects: RoleObjects) -> tuple[Input, ...]:
    """Place the objects of every channel."""
    inputs: list[Input] = []
    for channel in doc.get("InputDataConfig", ()):
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        inputs += objects.place(uri, f"input/data/{channel['ChannelName']}")
    return tuple(inputs)


def configuration(doc: Document) -> dict[str, str]:
    """Return the files of /opt/ml/input/config."""
    resources = doc["ResourceConfig"]
    group = {"instance_group_name": "homogeneousCluster", "hosts": [HOST]}
    described: Document = {
        "current_host": HOST,
        "current_instance_type": resources["InstanceType"],
        "current_group_name": group["instance_group_name"],
        "hosts": [HOST],
        "instance_groups": [{**group, "instance_type": resources["InstanceType"]}],
        "network_interface_name": "lo",
    }
    inputs = {each["ChannelName"]: _channel(each, doc) for each in doc.get("InputDataConfig", ())}
    return {
        "input/config/hyperparameters.json": json.dumps(doc.get("HyperParameters", {})),
        "input/config/inputdataconfig.json": json.dumps(inputs),
        "input/config/resourceconfig.json": json.dumps(described),
    }


def _channel(channel: Document, doc: Document) -> Document:
    source = channel["DataSource"]["S3DataSource"]
    mode = channel.get("InputMode") or doc["AlgorithmSpecification"]["TrainingInputMode"]
    described = {
        "TrainingInputMode": mode,
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    if "ContentType" in channel:
        described["ContentType"] = channel["ContentType"]
    return described
