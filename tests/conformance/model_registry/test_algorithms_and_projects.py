"""Algorithms and projects as boto3 sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.model_registry.shop import ARN, DATA, IMAGE, ROLE, refusal, specification, stock

from clary.core.document import Document

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return stock(server)


def algorithm(name: str, image: str = IMAGE) -> Document:
    channel = {"Name": "train", "SupportedContentTypes": ["text/csv"], "SupportedInputModes": ["File"]}
    return {
        "AlgorithmName": name,
        "TrainingSpecification": {
            "TrainingImage": image,
            "SupportedTrainingInstanceTypes": ["ml.m5.large"],
            "TrainingChannels": [channel],
        },
        "InferenceSpecification": {**specification(), "Containers": [{"Image": IMAGE}]},
    }


def test_an_algorithm_is_completed_when_its_image_is_there(sagemaker: Any) -> None:
    arn = sagemaker.create_algorithm(**algorithm("Known"))["AlgorithmArn"]
    told = sagemaker.describe_algorithm(AlgorithmName=arn)
    assert (arn, told["AlgorithmStatus"]) == (f"{ARN}:algorithm/known", "Completed")
    assert told["CertifyForMarketplace"] is False
    sagemaker.create_algorithm(**algorithm("unknown", "nobody/knows:1"))
    told = sagemaker.describe_algorithm(AlgorithmName="unknown")
    assert told["AlgorithmStatus"] == "Failed"
    [scan] = told["AlgorithmStatusDetails"]["ImageScanStatuses"]
    assert (scan["Name"], scan["Status"]) == ("training", "Failed")
    sagemaker.delete_algorithm(AlgorithmName="unknown")
    gone = ("ValidationException", f"Algorithm {ARN}:algorithm/unknown does not exist.")
    assert refusal(sagemaker.describe_algorithm, AlgorithmName="unknown") == gone
    certified = {**algorithm("sold"), "CertifyForMarketplace": True}
    assert refusal(sagemaker.create_algorithm, **certified)[0] == "ValidationException"


def test_a_package_takes_what_serves_it_from_an_algorithm(sagemaker: Any) -> None:
    sagemaker.create_algorithm(**algorithm("source"))
    source = {"SourceAlgorithms": [{"AlgorithmName": "source", "ModelDataUrl": DATA}]}
    sagemaker.create_model_package(ModelPackageName="by-algorithm", SourceAlgorithmSpecification=source)
    told = sagemaker.describe_model_package(ModelPackageName="by-algorithm")
    assert told["ModelPackageStatus"] == "Completed"
    assert told["InferenceSpecification"]["Containers"] == [{"Image": IMAGE, "ModelDataUrl": DATA}]
    sagemaker.create_model(
        ModelName="by-algorithm", ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": "by-algorithm"}
    )


def test_a_project_is_there_unless_something_must_be_provisioned(sagemaker: Any) -> None:
    made = sagemaker.create_project(ProjectName="plain", ProjectDescription="d")
    assert made["ProjectArn"] == f"{ARN}:project/plain"
    assert made["ProjectId"].startswith("p-")
    told = sagemaker.describe_project(ProjectName="plain")
    assert (told["ProjectStatus"], told["ProjectId"]) == ("CreateCompleted", made["ProjectId"])
    sagemaker.update_project(ProjectName="plain", ProjectDescription="e")
    told = sagemaker.describe_project(ProjectName="plain")
    assert (told["ProjectStatus"], told["ProjectDescription"]) == ("UpdateCompleted", "e")
    details = {"ProductId": "prod-1", "ProvisioningArtifactId": "pa-1"}
    sagemaker.create_project(ProjectName="templated", ServiceCatalogProvisioningDetails=details)
    told = sagemaker.describe_project(ProjectName="templated")
    assert told["ProjectStatus"] == "CreateFailed"
    message = told["ServiceCatalogProvisionedProductDetails"]["ProvisionedProductStatusMessage"]
    assert "docs/reference/operations.md" in message
    code, text = refusal(sagemaker.create_project, ProjectName="plain")
    assert (code, text) == ("ValidationException", f"Project already exists: {ARN}:project/plain")
    sagemaker.delete_project(ProjectName="plain")
    assert refusal(sagemaker.describe_project, ProjectName="plain")[1].endswith("does not exist.")


def test_there_is_no_portfolio_of_templates(sagemaker: Any) -> None:
    sagemaker.disable_sagemaker_servicecatalog_portfolio()
    assert sagemaker.get_sagemaker_servicecatalog_portfolio_status()["Status"] == "Disabled"
    assert refusal(sagemaker.enable_sagemaker_servicecatalog_portfolio)[0] == "InvalidAction"
