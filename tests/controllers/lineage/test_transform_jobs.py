"""What a transform job leaves in the lineage, and where experiments find it."""

from __future__ import annotations

from pathlib import Path

from tests.controllers.worlds import NOON, World

from clary.controllers.lineage.follower import Follower
from clary.controllers.lineage.graph import find
from clary.core.document import Document
from clary.resources.experiments.experiment import EXPERIMENT
from clary.resources.inference.transform_job import TRANSFORM_JOB
from clary.store.record import Record

MODEL = "arn:aws:sagemaker:us-east-1:000000000000:model/m"


def create(world: World, **members: object) -> Record:
    doc: Document = {
        "TransformJobName": "t",
        "ModelName": "m",
        "CreationTime": NOON,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://box/in"}},
            "ContentType": "text/csv",
        },
        "TransformOutput": {"S3OutputPath": "s3://box/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 2},
        "_Model": {"Container": {"Image": "i", "ModelDataUrl": "s3://box/m.tar.gz"}, "ModelArn": MODEL},
        **members,
    }
    return world.records.create(TRANSFORM_JOB, doc)


def test_a_job_leaves_a_component_its_model_and_its_data(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    follower = Follower(world.records, world.means.metrics)
    job = create(world)
    follower.catch_up()
    assert find(world.records, "Artifact", "s3://box/out") is None
    world.records.update(
        job, {"TransformJobStatus": "Completed", "TransformStartTime": NOON, "TransformEndTime": NOON}
    )
    follower.catch_up()
    component = find(world.records, "TrialComponent", "t-aws-transform-job")
    assert component is not None
    doc = component.doc
    assert doc["Source"] == {"SourceArn": job.arn, "SourceType": "SageMakerTransformJob"}
    assert doc["Status"] == {
        "PrimaryStatus": "Completed",
        "Message": "Status: Completed, failure reason: null",
    }
    assert doc["StartTime"] == doc["EndTime"] == NOON
    assert doc["InputArtifacts"] == {
        "SageMaker.TransformInput": {"MediaType": "text/csv", "Value": "s3://box/in"}
    }
    assert doc["OutputArtifacts"] == {"SageMaker.TransformOutput": {"Value": "s3://box/out"}}
    assert doc["Parameters"]["SageMaker.ModelPrimary.DataUrl"] == {"StringValue": "s3://box/m.tar.gz"}
    assert doc["Parameters"]["SageMaker.InstanceCount"] == {"NumberValue": 2.0}
    assert all(find(world.records, "Artifact", uri) for uri in ("s3://box/in", "s3://box/out", MODEL))


def test_a_job_of_an_experiment_is_in_a_trial_of_it(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    world.records.create(EXPERIMENT, {"ExperimentName": "e"})
    create(world, ExperimentConfig={"ExperimentName": "e", "TrialComponentDisplayName": "shown"})
    Follower(world.records, world.means.metrics).catch_up()
    component = find(world.records, "TrialComponent", "t-aws-transform-job")
    assert component is not None
    assert component.doc["DisplayName"] == "shown"
    [parent] = component.doc["Parents"]
    assert parent["ExperimentName"] == "e" and parent["TrialName"] == "t-aws-trial"
