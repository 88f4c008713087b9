"""Automatic lineage over a real store: made late or twice it is the same, and nothing is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.controllers.worlds import ACCOUNT, NOON, REGION, Killed, World

from clary.controllers.lineage.follower import Follower
from clary.controllers.lineage.graph import find
from clary.core.document import Document
from clary.resources.experiments.experiment import EXPERIMENT
from clary.resources.experiments.trial import TRIAL
from clary.resources.experiments.trial_component import TRIAL_COMPONENT
from clary.resources.inference.endpoint import ENDPOINT
from clary.resources.inference.model import MODEL
from clary.resources.model_registry.model_package import MODEL_PACKAGE
from clary.resources.processing.processing_job import PROCESSING_JOB
from clary.resources.training.training_job import TRAINING_JOB
from clary.store.lineage.edges import DESTINATION, SOURCE
from clary.store.lineage.tables import EDGES, FOLLOWED
from clary.store.metrics import SAGEMAKER, Columns
from clary.store.metrics.store import resource_series
from clary.store.record import Record
from clary.store.tables import RECORDS

ENTITIES = ("Artifact", "Action", "Context", "TrialComponent")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def job(world: World, name: str = "Job-1", **members: object) -> Record:
    doc: Document = {
        "TrainingJobName": name,
        "TrainingJobArn": "unused",
        "AlgorithmSpecification": {"TrainingImage": "123.dkr/image:1"},
        "HyperParameters": {"eta": "0.1", "objective": "binary", "big": "1e999", "nan": "nan"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3Uri": "s3://box/train"}},
            }
        ],
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "Tags": [{"Key": "team", "Value": "a"}],
        **members,
    }
    return world.records.create(TRAINING_JOB, doc)


def complete(world: World, record: Record) -> Record:
    changes: Document = {
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://box/out/model.tar.gz"},
        "TrainingStartTime": NOON,
        "TrainingEndTime": NOON,
        "FinalMetricDataList": [{"MetricName": "loss", "Value": 0.5, "Timestamp": NOON}],
    }
    return world.records.update(record, changes)


def variant(model: Record) -> Document:
    return {"VariantName": "v", "ModelArn": model.arn, "Container": model.doc["PrimaryContainer"]}


def model(world: World, name: str, data: str = "s3://box/out/model.tar.gz") -> Record:
    container = {"Image": "123.dkr/serve:1", "ModelDataUrl": data}
    return world.records.create(MODEL, {"ModelName": name, "PrimaryContainer": container})


def endpoint(world: World, made: Record) -> Record:
    wanted = {"Generation": 1, "Variants": [variant(made)]}
    return world.records.create(ENDPOINT, {"EndpointName": "E-1", "_Wanted": wanted})


def edges(world: World) -> set[tuple[str, str, str]]:
    """Return every association as (kind and source or name, type, kind and source or name)."""
    joined = select(EDGES.c.type, SOURCE.c.doc, SOURCE.c.kind, DESTINATION.c.doc, DESTINATION.c.kind)
    joined = joined.join(SOURCE, SOURCE.c.id == EDGES.c.source)
    joined = joined.join(DESTINATION, DESTINATION.c.id == EDGES.c.destination)
    with world.records.database.read() as connection:
        return {(said(r[1], r[2]), r[0], said(r[3], r[4])) for r in connection.execute(joined)}


def said(doc: Document, kind: str) -> str:
    return str(doc["Source"]["SourceUri"] if kind == "Artifact" else doc[f"{kind}Name"])


def everything(world: World) -> list[tuple[Any, ...]]:
    columns = (RECORDS.c.uid, RECORDS.c.version, RECORDS.c.doc)
    with world.records.database.read() as connection:
        rows = connection.execute(select(*columns).where(RECORDS.c.kind.in_(ENTITIES)).order_by(RECORDS.c.id))
        links = connection.execute(select(EDGES).order_by(EDGES.c.id))
        return [tuple(row) for row in (*rows, *links)]


def notes(world: World) -> int:
    with world.records.database.read() as connection:
        return len(connection.scalars(select(FOLLOWED.c.uid)).all())


def component(world: World, name: str = "Job-1-aws-training-job") -> Record:
    found = find(world.records, "TrialComponent", name)
    assert found is not None
    return found


def test_a_job_leaves_a_component_with_what_went_in_and_came_out(world: World) -> None:
    made, follower = job(world), Follower(world.records, world.means.metrics)
    assert follower.catch_up() == 1
    doc = component(world).doc
    assert doc["Source"] == {"SourceArn": made.arn, "SourceType": "SageMakerTrainingJob"}
    assert doc["Status"]["PrimaryStatus"] == "InProgress"
    assert doc["Parameters"] == {
        "SageMaker.ImageUri": {"StringValue": "123.dkr/image:1"},
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
        "SageMaker.InstanceCount": {"NumberValue": 1.0},
        "eta": {"NumberValue": 0.1},
        "objective": {"StringValue": "binary"},
        "big": {"StringValue": "1e999"},
        "nan": {"StringValue": "nan"},
    }
    assert doc["InputArtifacts"] == {"train": {"MediaType": "text/csv", "Value": "s3://box/train"}}
    assert doc["Tags"] == [{"Key": "team", "Value": "a"}]
    inputs = {(uri, "ContributedTo", component(world).name) for uri in ("s3://box/train", "123.dkr/image:1")}
    assert edges(world) == inputs
    complete(world, made)
    follower.catch_up()
    doc = component(world).doc
    assert doc["Status"]["PrimaryStatus"] == "Completed"
    assert doc["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"] == "s3://box/out/model.tar.gz"
    assert (doc["StartTime"], doc["EndTime"]) == (NOON, NOON)
    assert [(each["MetricName"], each["Last"]) for each in doc["Metrics"]] == [("loss", 0.5)]
    assert edges(world) == inputs | {(component(world).name, "Produced", "s3://box/out/model.tar.gz")}


def test_following_twice_changes_nothing(world: World) -> None:
    made, follower = complete(world, job(world)), Follower(world.records, world.means.metrics)
    served = endpoint(world, model(world, "M-1"))
    follower.catch_up()
    before = everything(world)
    for each in (made, served):
        world.records.update(world.reread(each), {"_Looked": 1}, touch=False)
    assert notes(world) == 2
    follower.catch_up()
    assert everything(world) == before
    assert notes(world) == 0


def test_what_a_killed_follower_did_not_finish_is_done_by_the_next(world: World) -> None:
    class Dying(Follower):
        def follow(self, uid: str) -> None:
            with world.records.database.write():
                super().follow(uid)
                raise Killed

    job(world)
    with pytest.raises(Killed):
        Dying(world.records, world.means.metrics).catch_up()
    assert everything(world) == [] and notes(world) == 1
    Follower(world.records, world.means.metrics).catch_up()
    assert component(world).doc["Status"]["PrimaryStatus"] == "InProgress"


def test_a_job_deleted_before_it_was_followed_is_in_the_lineage(world: World) -> None:
    world.records.delete(complete(world, job(world)))
    follower = Follower(world.records, world.means.metrics)
    assert follower.catch_up() == 1
    assert component(world).doc["Status"]["PrimaryStatus"] == "Completed"
    assert len(edges(world)) == 3
    world.records.delete(made := job(world, "again"))
    follower.catch_up()
    assert component(world, "again-aws-training-job").doc["_Job"] == made.uid


def test_what_a_user_added_to_a_component_stays(world: World) -> None:
    made, follower = job(world), Follower(world.records, world.means.metrics)
    follower.catch_up()
    changes: Document = {
        "Parameters": {"mine": {"StringValue": "x"}},
        "OutputArtifacts": {"plot": {"Value": "p"}},
    }
    world.records.update(component(world), {**changes, "DisplayName": "my job"})
    complete(world, made)
    follower.catch_up()
    doc = component(world).doc
    assert (doc["DisplayName"], doc["Parameters"]) == ("my job", {"mine": {"StringValue": "x"}})
    assert set(doc["OutputArtifacts"]) == {"plot", "SageMaker.ModelArtifact"}


def trial(world: World, name: str) -> Record:
    if world.records.find(EXPERIMENT, "exp") is None:
        world.records.create(EXPERIMENT, {"ExperimentName": "exp"})
    return world.records.create(TRIAL, {"TrialName": name, "ExperimentName": "exp"})


def test_a_job_joins_the_trial_it_names_once(world: World) -> None:
    trial(world, "T-1")
    config = {"TrialName": "t-1", "TrialComponentDisplayName": "first try"}
    made, follower = job(world, ExperimentConfig=config), Follower(world.records, world.means.metrics)
    follower.catch_up()
    found = component(world)
    assert found.doc["DisplayName"] == "first try"
    assert found.doc["Parents"] == [{"TrialName": "T-1", "ExperimentName": "exp"}]
    world.records.update(found, {"Parents": []})
    complete(world, made)
    follower.catch_up()
    assert component(world).doc["Parents"] == []


def test_a_job_that_names_an_experiment_only_gets_a_trial(world: World) -> None:
    world.records.create(EXPERIMENT, {"ExperimentName": "exp"})
    job(world, ExperimentConfig={"ExperimentName": "exp"})
    Follower(world.records, world.means.metrics).catch_up()
    [parent] = component(world).doc["Parents"]
    made = world.records.get(TRIAL, parent)
    assert (made.doc["ExperimentName"], made.doc["TrialArn"]) == ("exp", made.arn)


def test_a_run_tells_the_jobs_it_is_made_of(world: World) -> None:
    run = world.records.create(TRIAL_COMPONENT, {"TrialComponentName": "exp-run"})
    made, follower = (
        job(world, ExperimentConfig={"RunName": "exp-run"}),
        Follower(world.records, world.means.metrics),
    )
    follower.catch_up()
    complete(world, made)
    follower.catch_up()
    source = {"SourceArn": made.arn, "SourceType": "SageMakerTrainingJob"}
    assert world.reread(run).doc["Sources"] == [source]


def test_an_endpoint_is_led_to_by_its_models_deployment(world: World) -> None:
    follower = Follower(world.records, world.means.metrics)
    made = model(world, "M-1")
    served = endpoint(world, made)
    follower.catch_up()
    name = f"E-1-{int(NOON.timestamp())}-aws-endpoint"
    assert edges(world) == {
        ("123.dkr/serve:1", "ContributedTo", made.arn),
        ("s3://box/out/model.tar.gz", "ContributedTo", made.arn),
        (made.arn, "ContributedTo", name),
        ("123.dkr/serve:1", "ContributedTo", name),
        (name, "AssociatedWith", name),
    }
    action = find(world.records, "Action", name)
    assert action is not None
    assert (action.doc["ActionType"], action.doc["Status"]) == ("ModelDeployment", "InProgress")
    world.records.update(served, {"EndpointStatus": "InService", "_Serving": served.doc["_Wanted"]})
    follower.catch_up()
    assert world.reread(action).doc["Status"] == "Completed"
    world.records.delete(world.reread(served))
    follower.catch_up()
    assert len(edges(world)) == 5


def test_an_update_that_is_taken_back_failed_and_the_next_is_another(world: World) -> None:
    follower, first = Follower(world.records, world.means.metrics), endpoint(world, model(world, "M-1"))
    serving = first.doc["_Wanted"]
    served = world.records.update(first, {"EndpointStatus": "InService", "_Serving": serving})
    follower.catch_up()
    wanted = {"Generation": 2, "Variants": [variant(model(world, "M-2", "s3://box/2"))]}
    outcomes = []
    for outcome in ("Failed", "Completed"):
        world.later()
        begun: Document = {"EndpointStatus": "Updating", "_Wanted": wanted}
        begun["PendingDeploymentSummary"] = {"StartTime": world.clock.now()}
        served = world.records.update(world.reread(served), begun)
        name = f"E-1-{int(world.clock.now().timestamp())}-aws-endpoint"
        follower.catch_up()
        done: Document = {"EndpointStatus": "InService"}
        done |= {"_Wanted": serving} if outcome == "Failed" else {"_Serving": wanted}
        world.records.update(served, done, remove=("PendingDeploymentSummary",))
        follower.catch_up()
        action = find(world.records, "Action", name)
        assert action is not None
        outcomes.append(action.doc["Status"])
    assert outcomes == ["Failed", "Completed"]
    assert len([edge for edge in edges(world) if edge[1] == "AssociatedWith"]) == 3


def test_one_record_that_cannot_be_followed_keeps_no_other_from_it(world: World) -> None:
    broken = world.records.create(MODEL, {"ModelName": "broken", "Containers": ["not a container"]})
    job(world)
    follower = Follower(world.records, world.means.metrics)
    assert follower.catch_up() == 1
    assert component(world).name and notes(world) == 1
    world.records.delete(broken)


def test_the_lineage_is_the_accounts_own(world: World) -> None:
    job(world)
    Follower(world.records, world.means.metrics).catch_up()
    found = component(world)
    assert (found.account, found.region) == (ACCOUNT, REGION)
    assert (
        found.doc["LineageGroupArn"]
        == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:lineage-group/sagemaker-default-lineage-group"
    )


def test_metrics_are_told_by_the_component_they_were_sent_for(world: World) -> None:
    made, metrics = job(world), world.means.metrics
    follower = Follower(world.records, metrics)
    follower.catch_up()
    complete(world, made)
    follower.catch_up()
    follower.sum_up()
    found = component(world)
    for value in (1.0, 3.0):
        columns = Columns.empty(SAGEMAKER)
        columns.append(1_700_000_000_000, -1, value)
        metrics.put([(resource_series(ACCOUNT, REGION, found.arn, "accuracy"), columns)])
        assert follower.sum_up() == 1
    told = {each["MetricName"]: each for each in component(world).doc["Metrics"]}
    assert set(told) == {"loss", "accuracy"}
    assert (told["accuracy"]["Max"], told["accuracy"]["Count"], told["loss"]["Last"]) == (3.0, 2, 0.5)
    before = everything(world)
    assert follower.sum_up() == 0 and everything(world) == before


@pytest.mark.parametrize("name", ["Job-1", "lower"])
def test_metrics_of_a_job_are_told_while_it_runs_and_after(world: World, name: str) -> None:
    follower, metrics = Follower(world.records, world.means.metrics), world.means.metrics
    made = job(world, name)
    columns = Columns.empty(SAGEMAKER)
    for step, value in enumerate((1.0, 0.25, 0.5)):
        columns.append(1_700_000_000_000 + step, step, value)
    metrics.put([(resource_series(ACCOUNT, REGION, made.arn.lower(), "loss"), columns)])
    follower.sum_up()  # before there is a component that could tell of them
    follower.catch_up()
    follower.sum_up()
    running = component(world, f"{name}-aws-training-job").doc["Metrics"]
    complete(world, made)
    follower.catch_up()
    told = component(world, f"{name}-aws-training-job").doc["Metrics"]
    assert told == running
    [loss] = told
    assert (loss["MetricName"], loss["SourceArn"]) == ("loss", made.arn)
    assert [loss[each] for each in ("Min", "Max", "Last", "Count")] == [0.25, 1.0, 0.5, 3]


def test_a_component_of_another_job_of_the_name_has_nothing_of_the_first_s_metrics(world: World) -> None:
    follower, metrics = Follower(world.records, world.means.metrics), world.means.metrics
    first = job(world)
    columns = Columns.empty(SAGEMAKER)
    columns.append(1_700_000_000_000, -1, 9.0)
    metrics.put([(resource_series(ACCOUNT, REGION, first.arn.lower(), "old"), columns)])
    follower.catch_up()
    follower.sum_up()
    world.records.delete(first)
    metrics.forget(ACCOUNT, REGION, first.arn.lower())
    complete(world, job(world))
    follower.catch_up()
    follower.sum_up()
    assert [each["MetricName"] for each in component(world).doc["Metrics"]] == ["loss"]


def test_a_package_leaves_its_parts_its_group_and_every_approval(world: World) -> None:
    container = {"Image": "123.dkr/serve:1", "ModelDataUrl": "s3://box/out/model.tar.gz"}
    by = {"IamIdentity": {"Arn": "arn:aws:iam::000000000000:user/ada"}}
    waiting = {"ModelApprovalStatus": "PendingManualApproval", "Time": NOON, "By": by}
    doc: Document = {
        "ModelPackageName": "group/1",
        "ModelPackageGroupName": "group",
        "ModelPackageVersion": 1,
        "InferenceSpecification": {"Containers": [container]},
        "_Approvals": [waiting],
    }
    made, follower = world.records.create(MODEL_PACKAGE, doc), Follower(world.records, world.means.metrics)
    follower.catch_up()
    parts = {(part, "ContributedTo", made.arn) for part in container.values()}
    inside = (made.arn, "AssociatedWith", "group-1-aws-model-group")
    assert edges(world) == {*parts, inside}
    good = {"ModelApprovalStatus": "Approved", "ApprovalDescription": "good", "Time": NOON, "By": by}
    made = world.records.update(made, {"_Approvals": [waiting, good]})
    follower.catch_up()
    name = f"group-1-Approved-{int(NOON.timestamp())}-aws-model-group"
    assert edges(world) == {*parts, inside, (name, "ContributedTo", made.arn)}
    action = find(world.records, "Action", name)
    assert action is not None
    assert (action.doc["ActionType"], action.doc["Source"]["SourceUri"]) == ("Approval", made.arn)
    assert action.doc["CreatedBy"] == by
    assert action.doc["Properties"] == {"ModelApprovalStatus": "Approved", "ApprovalDescription": "good"}
    before = everything(world)
    world.records.update(made, {"ModelPackageDescription": "d"})
    follower.catch_up()
    assert everything(world) == before


def test_a_processing_job_has_its_inputs_image_and_outputs(world: World) -> None:
    follower = Follower(world.records, world.means.metrics)
    given = {"InputName": "raw", "S3Input": {"S3Uri": "s3://box/raw"}}
    own = {"InputName": "own", "AppManaged": True}
    made = {"OutputName": "clean", "S3Output": {"S3Uri": "s3://box/clean"}}
    doc: Document = {
        "ProcessingJobName": "P",
        "AppSpecification": {"ImageUri": "123.dkr/image:1"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 10}
        },
        "Environment": {"p1": "1.0", "who": "me"},
        "ProcessingInputs": [given, own],
        "ProcessingOutputConfig": {"Outputs": [made]},
        "ExperimentConfig": {"TrialComponentDisplayName": "clean it"},
    }
    record = world.records.create(PROCESSING_JOB, doc)
    follower.catch_up()
    ended = {"ProcessingJobStatus": "Completed", "ExitMessage": "well", "ProcessingEndTime": NOON}
    world.records.update(record, ended)
    follower.catch_up()
    found = find(world.records, "TrialComponent", "P-aws-processing-job")
    assert found is not None
    assert found.doc["Source"] == {"SourceArn": record.arn, "SourceType": "SageMakerProcessingJob"}
    assert found.doc["DisplayName"] == "clean it" and found.doc["EndTime"] == NOON
    assert found.doc["Parameters"] == {
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
        "SageMaker.InstanceCount": {"NumberValue": 2.0},
        "SageMaker.VolumeSizeInGB": {"NumberValue": 10.0},
        "p1": {"NumberValue": 1.0},
        "who": {"StringValue": "me"},
    }
    assert found.doc["InputArtifacts"] == {
        "SageMaker.ImageUri": {"Value": "123.dkr/image:1"},
        "raw": {"Value": "s3://box/raw"},
    }
    assert found.doc["OutputArtifacts"] == {"clean": {"Value": "s3://box/clean"}}
    assert found.doc["Status"]["PrimaryStatus"] == "Completed"
    kinds = {uri: find(world.records, "Artifact", uri) for uri in ("s3://box/raw", "s3://box/clean")}
    assert all(each is not None and each.doc["ArtifactType"] == "DataSet" for each in kinds.values())


def test_an_archive_that_was_read_before_it_was_followed_is_a_model(world: World) -> None:
    follower = Follower(world.records, world.means.metrics)
    given = {"InputName": "model", "S3Input": {"S3Uri": "s3://box/out/model.tar.gz"}}
    doc: Document = {
        "ProcessingJobName": "Reads",
        "AppSpecification": {"ImageUri": "123.dkr/image:1"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "ProcessingInputs": [given],
    }
    world.records.create(PROCESSING_JOB, doc)
    follower.catch_up()
    complete(world, job(world))
    follower.catch_up()
    found = find(world.records, "Artifact", "s3://box/out/model.tar.gz")
    assert found is not None and found.doc["ArtifactType"] == "Model"
    joined = select(EDGES.c.source_type, EDGES.c.destination_type, EDGES.c.type)
    joined = joined.join(SOURCE, SOURCE.c.id == EDGES.c.source)
    joined = joined.join(DESTINATION, DESTINATION.c.id == EDGES.c.destination)
    with world.records.database.read() as connection:
        into = connection.execute(joined.where(SOURCE.c.uid == found.uid)).all()
        out = connection.execute(joined.where(DESTINATION.c.uid == found.uid)).all()
    assert [tuple(row) for row in into] == [("Model", "SageMakerProcessingJob", "ContributedTo")]
    assert [tuple(row) for row in out] == [("SageMakerTrainingJob", "Model", "Produced")]
