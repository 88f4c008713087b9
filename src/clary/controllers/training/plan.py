"""From a CreateTrainingJob request to a run: channels, configuration files, environment, outputs."""

from __future__ import annotations

import json
from datetime import timedelta

from clary.controllers.s3 import RoleObjects
from clary.controllers.training.channels import files, mode, pipes
from clary.controllers.training.training_job import MODEL, UNPACKED, model_name
from clary.core.document import Document
from clary.runtime.spec import Output, RunSpec
from clary.store.records import Record

HOST = "algo-1"
STOP_GRACE = timedelta(seconds=120)
MODELS = {
    MODEL: Output(directory="model", name=MODEL, always=False),
    UNPACKED: Output(directory="model", name=UNPACKED, always=False, packed=False),
}
DATA = Output(directory="output/data", name="output.tar.gz", always=False)


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
        inputs=files(doc, objects),
        pipes=pipes(doc, objects),
        files=configuration(doc),
        outputs=(MODELS[model_name(doc)], DATA),
        network=not doc.get("EnableNetworkIsolation", False),
        stop_grace=STOP_GRACE,
    )


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
    described = {
        "TrainingInputMode": mode(channel, doc),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    if "ContentType" in channel:
        described["ContentType"] = channel["ContentType"]
    return described
