"""From an endpoint back to the data its model was trained on, though nobody wrote any of it down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from clary.controllers.lineage.follower import Follower
from clary.core.document import Document

if TYPE_CHECKING:
    from tests.conftest import Server

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "sagemaker-us-east-1-000000000000"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
DATA, MODEL = f"s3://{BUCKET}/traced/data", f"s3://{BUCKET}/traced/out/Traced/output/model.tar.gz"


def follow(server: Server) -> None:
    Follower(server.stores.records, server.stores.metrics).catch_up()


def job(sagemaker: Any, name: str, **config: str) -> str:
    source = {"S3DataType": "S3Prefix", "S3Uri": DATA}
    made = sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        HyperParameters={"eta": "0.5", "objective": json.dumps("reg")},
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/traced/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        ExperimentConfig=config,
    )
    return str(made["TrainingJobArn"])


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    s3 = server.client("s3")
    for uri in (f"{DATA}/part.csv", MODEL):
        s3.put_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"), Body=b"1,2\n")
    return server.client("sagemaker")


def test_a_job_joins_its_trial_and_is_found_by_its_arn(server: Server, sagemaker: Any) -> None:
    sagemaker.create_experiment(ExperimentName="Traced-Exp")
    sagemaker.create_trial(TrialName="Traced-Trial", ExperimentName="Traced-Exp")
    arn = job(sagemaker, "Traced-In-Trial", TrialName="traced-trial", TrialComponentDisplayName="Shown")
    follow(server)
    for source in (arn, arn.lower()):
        [found] = sagemaker.list_trial_components(SourceArn=source)["TrialComponentSummaries"]
        assert found["TrialComponentName"] == "Traced-In-Trial-aws-training-job"
        assert found["TrialComponentSource"] == {"SourceArn": arn, "SourceType": "SageMakerTrainingJob"}
    [found] = sagemaker.list_trial_components(ExperimentName="Traced-Exp")["TrialComponentSummaries"]
    assert (found["DisplayName"], found["Status"]["PrimaryStatus"]) == ("Shown", "InProgress")
    told = sagemaker.describe_trial_component(TrialComponentName=found["TrialComponentName"])
    assert told["Parameters"]["eta"] == {"NumberValue": 0.5}
    assert told["Parameters"]["objective"] == {"StringValue": '"reg"'}
    assert told["InputArtifacts"]["train"]["Value"] == DATA


@pytest.mark.parametrize("member", ["ExperimentName", "TrialName", "RunName"])
def test_a_job_of_an_absent_experiment_is_refused(sagemaker: Any, member: str) -> None:
    with pytest.raises(ClientError) as refused:
        job(sagemaker, "Traced-Nowhere", **{member: "absent"})
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"


def test_the_data_of_an_endpoint_is_found(server: Server, sagemaker: Any) -> None:
    records, arn = server.stores.records, job(sagemaker, "Traced")
    follow(server)
    trained = records.by_arn(arn)
    assert trained is not None
    done: Document = {"TrainingJobStatus": "Completed", "SecondaryStatus": "Completed"}
    records.update(trained, {**done, "ModelArtifacts": {"S3ModelArtifacts": MODEL}}, due=None)
    sagemaker.create_model(
        ModelName="Traced", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": MODEL}
    )
    variant = {
        "VariantName": "v",
        "ModelName": "Traced",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="Traced", ProductionVariants=[variant])
    endpoint = sagemaker.create_endpoint(EndpointName="Traced", EndpointConfigName="Traced")["EndpointArn"]
    follow(server)
    [context] = sagemaker.list_contexts(SourceUri=endpoint)["ContextSummaries"]
    assert context["ContextType"] == "Endpoint"

    def led(**filters: list[str]) -> list[str]:
        told = sagemaker.query_lineage(
            StartArns=[context["ContextArn"]], Direction="Ascendants", IncludeEdges=False, Filters=filters
        )
        return [vertex["Arn"] for vertex in told["Vertices"]]

    [data] = led(Types=["DataSet"], LineageTypes=["Artifact"])
    assert sagemaker.describe_artifact(ArtifactArn=data)["Source"]["SourceUri"] == DATA
    [component] = led(Types=["TrainingJob"], LineageTypes=["TrialComponent"])
    assert component.endswith("/traced-aws-training-job")
    [action] = led(Types=["ModelDeployment"])
    path = sagemaker.query_lineage(
        StartArns=[data], Direction="Descendants", Filters={"Types": ["Endpoint"]}, IncludeEdges=True
    )
    kinds = [vertex["Type"] for vertex in path["Vertices"]]
    assert kinds == ["DataSet", "TrainingJob", "Model", "Model", "ModelDeployment", "Endpoint"]
    assert len(path["Edges"]) == 5 and action in {vertex["Arn"] for vertex in path["Vertices"]}
    [model] = sagemaker.list_artifacts(SourceUri=MODEL)["ArtifactSummaries"]
    with pytest.raises(ClientError):
        sagemaker.delete_artifact(ArtifactArn=model["ArtifactArn"])
