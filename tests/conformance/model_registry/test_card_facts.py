"""Cards say what was measured of a model, beneath what people say of it, to whoever may know it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.model_registry.shop import ARN, BUCKET, IMAGE, ROLE, refusal, specification, stock

from clary.core.document import Document

if TYPE_CHECKING:
    from tests.conftest import Server

TRAINED = f"s3://{BUCKET}/card-facts/trained/model.tar.gz"
MEASURED: Document = {
    "training_arn": f"{ARN}:training-job/card-facts",
    "training_datasets": [f"s3://{BUCKET}/card-facts/rows"],
    "training_environment": {"container_image": [IMAGE]},
    "training_metrics": [{"name": "validation:auc", "value": 0.9}],
    "hyper_parameters": [{"name": "eta", "value": "0.1"}],
}
PACKAGED: Document = {
    "model_overview": {"model_artifact": [TRAINED]},
    "training_details": {"training_job_details": MEASURED},
}


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    client = stock(server)
    for key in ("card-facts/trained/model.tar.gz", "card-facts/rows"):
        server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x")
    rows = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/card-facts/rows"}}
    arn = client.create_training_job(
        TrainingJobName="card-facts",
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        HyperParameters={"eta": "0.1"},
        InputDataConfig=[{"ChannelName": "train", "DataSource": rows}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/card-facts"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )["TrainingJobArn"]
    records = server.stores.records
    trained = records.by_arn(arn)
    assert trained is not None
    done: Document = {
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": TRAINED},
        "FinalMetricDataList": [
            {"MetricName": "validation:auc", "Value": 0.9, "Timestamp": records.clock.now()}
        ],
    }
    records.update(trained, done, due=None)
    client.create_model_package_group(ModelPackageGroupName="card-facts")
    return client


def package(client: Any, **more: Any) -> str:
    made = client.create_model_package(
        ModelPackageGroupName="card-facts", InferenceSpecification=specification(data=TRAINED), **more
    )
    return str(made["ModelPackageArn"])


def card_of(sagemaker: Any, arn: str) -> tuple[str, Any]:
    card = sagemaker.describe_model_package(ModelPackageName=arn)["ModelCard"]
    return card["ModelCardStatus"], json.loads(card["ModelCardContent"])


def content(sagemaker: Any, name: str) -> Any:
    return json.loads(sagemaker.describe_model_card(ModelCardName=name)["Content"])


def test_a_version_comes_with_a_card_of_what_was_measured(sagemaker: Any) -> None:
    arn = package(sagemaker)
    assert card_of(sagemaker, arn) == ("Draft", PACKAGED)
    said = {"intended_uses": {"risk_rating": "Low"}}
    sagemaker.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardContent": json.dumps(said)})
    assert card_of(sagemaker, arn) == ("Draft", {**PACKAGED, **said})
    sagemaker.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardStatus": "Archived"})
    assert card_of(sagemaker, arn) == ("Archived", {**PACKAGED, **said})
    same = {"ModelCardContent": json.dumps(said)}
    sagemaker.update_model_package(ModelPackageArn=arn, ModelCard=same)
    other = {"ModelCardContent": json.dumps({"intended_uses": {"risk_rating": "High"}})}
    refused = refusal(sagemaker.update_model_package, ModelPackageArn=arn, ModelCard=other)
    assert refused == ("ConflictException", "Model Card is in Archived state.")


def test_what_people_say_counts(sagemaker: Any) -> None:
    details = {"training_metrics": [], "hyper_parameters": [{"name": "eta", "value": "a tenth"}]}
    said = {"training_details": {"training_observations": "slow", "training_job_details": details}}
    card = {"ModelCardContent": json.dumps(said), "ModelCardStatus": "PendingReview"}
    status, told = card_of(sagemaker, package(sagemaker, ModelCard=card))
    assert status == "PendingReview"
    assert told["training_details"] == {
        "training_observations": "slow",
        "training_job_details": {**MEASURED, **details},
    }
    inside = json.dumps({"model_package_details": {"model_package_arn": "a"}})
    code, text = refusal(package, client=sagemaker, ModelCard={"ModelCardContent": inside})
    assert (code, "has no model_package_details" in text) == ("ValidationException", True)


@pytest.mark.parametrize("by", ["package", "model", "archive", "job"])
def test_a_card_is_filled_by_what_it_is_of(sagemaker: Any, by: str) -> None:
    name = f"card-facts-{by}"
    if by == "model":
        container = {"Image": IMAGE, "ModelDataUrl": TRAINED}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    said: Document = {"model_overview": {"model_id": f"{ARN}:model/{name}"}}
    if by == "package":
        said = {"model_package_details": {"model_package_arn": package(sagemaker)}}
    elif by == "archive":
        said = {"model_overview": {"model_artifact": [TRAINED]}}
    elif by == "job":
        said = {"training_details": {"training_job_details": {"training_arn": MEASURED["training_arn"]}}}
    sagemaker.create_model_card(ModelCardName=name, Content=json.dumps(said), ModelCardStatus="Draft")
    filled = {**said, "training_details": {"training_job_details": MEASURED}}
    assert content(sagemaker, name) == filled
    sagemaker.update_model_card(ModelCardName=name, Content=json.dumps(said))
    assert sagemaker.describe_model_card(ModelCardName=name)["ModelCardVersion"] == 1
    more = {**said, "additional_information": {"caveats_and_recommendations": "none"}}
    sagemaker.update_model_card(ModelCardName=name, Content=json.dumps(more))
    assert content(sagemaker, name) == {**filled, **more, "training_details": filled["training_details"]}
    assert sagemaker.describe_model_card(ModelCardName=name)["ModelCardVersion"] == 2


def test_who_may_not_describe_the_job_is_told_nothing_of_it(server: Server, sagemaker: Any) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="card-facts")
    registers = {"Effect": "Allow", "Action": "sagemaker:Create*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [registers]}
    iam.put_user_policy(UserName="card-facts", PolicyName="p", PolicyDocument=json.dumps(document))
    keys = iam.create_access_key(UserName="card-facts")["AccessKey"]
    theirs = server.client("sagemaker", keys)
    arn = package(theirs)
    assert card_of(sagemaker, arn) == ("Draft", {"model_overview": {"model_artifact": [TRAINED]}})
    said = {"model_package_details": {"model_package_arn": arn}}
    theirs.create_model_card(ModelCardName="cf-blind", Content=json.dumps(said), ModelCardStatus="Draft")
    assert content(sagemaker, "cf-blind") == said
    sees = {"Effect": "Allow", "Action": "sagemaker:Describe*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [registers, sees]}
    iam.put_user_policy(UserName="card-facts", PolicyName="p", PolicyDocument=json.dumps(document))
    theirs.create_model_card(ModelCardName="cf-sees", Content=json.dumps(said), ModelCardStatus="Draft")
    assert content(sagemaker, "cf-sees")["training_details"] == PACKAGED["training_details"]
