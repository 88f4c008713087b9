"""Models made of model packages: what serves is what the package holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.model_registry.shop import DATA, IMAGE, ROLE, refusal, specification, stock

from clary.resources.inference.endpoint import ENDPOINT

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return stock(server)


@pytest.fixture(scope="module")
def package(sagemaker: Any) -> str:
    sagemaker.create_model_package_group(ModelPackageGroupName="served")
    made = sagemaker.create_model_package(
        ModelPackageGroupName="served",
        ModelApprovalStatus="Approved",
        InferenceSpecification=specification(),
        AdditionalInferenceSpecifications=[{"Name": "bare", "Containers": [{"Image": IMAGE}]}],
    )
    return str(made["ModelPackageArn"])


def test_an_endpoint_wants_the_packages_image_and_data(server: Server, sagemaker: Any, package: str) -> None:
    container = {"ModelPackageName": package, "Environment": {"B": "own"}}
    sagemaker.create_model(ModelName="served", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    assert sagemaker.describe_model(ModelName="served")["PrimaryContainer"] == container
    variant = {
        "VariantName": "v",
        "ModelName": "served",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="served", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="served", EndpointConfigName="served")
    endpoint = server.stores.records.scoped("000000000000", "us-east-1").find(ENDPOINT, "served")
    assert endpoint is not None
    assert endpoint.doc["_Wanted"]["Variants"][0]["Container"] == {
        "Image": IMAGE,
        "ModelDataUrl": DATA,
        "ModelPackageName": package,
        "Environment": {"A": "packed", "B": "own"},
    }


def test_another_specification_of_the_package_is_chosen_by_name(sagemaker: Any, package: str) -> None:
    def create(name: str) -> Any:
        container = {"ModelPackageName": package, "InferenceSpecificationName": name}
        request = {"ModelName": f"served-{name}", "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
        return lambda **_: sagemaker.create_model(**request)

    create("bare")()
    code, text = refusal(create("unknown"))
    assert (code, "'unknown'" in text) == ("ValidationException", True)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({}, "PendingManualApproval"),
        ({"ModelApprovalStatus": "Rejected"}, "Rejected"),
        ({"InferenceSpecification": specification("nobody/knows:1")}, "is Failed"),
    ],
)
def test_only_a_completed_and_approved_version_makes_a_model(
    sagemaker: Any, package: str, members: dict[str, Any], says: str
) -> None:
    request = {"ModelPackageGroupName": "served", "InferenceSpecification": specification(), **members}
    arn = sagemaker.create_model_package(**request)["ModelPackageArn"]
    code, text = refusal(
        sagemaker.create_model,
        ModelName="unserved",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"ModelPackageName": arn},
    )
    assert (code, says in text) == ("ValidationException", True)


def test_a_container_names_a_package_or_an_image(sagemaker: Any, package: str) -> None:
    for container in (
        {"ModelPackageName": package, "Image": IMAGE},
        {"Image": IMAGE, "InferenceSpecificationName": "a"},
    ):
        code, _ = refusal(
            sagemaker.create_model, ModelName="both", ExecutionRoleArn=ROLE, PrimaryContainer=container
        )
        assert code == "ValidationException"


def test_a_packages_containers_are_told_apart_by_the_names_they_are_packed_with(
    sagemaker: Any, package: str
) -> None:
    def model(*names: str) -> dict[str, Any]:
        containers = [{"Image": IMAGE, "ContainerHostname": name} for name in names]
        made = sagemaker.create_model_package(
            ModelPackageGroupName="served",
            ModelApprovalStatus="Approved",
            InferenceSpecification={**specification(), "Containers": containers},
        )
        return {
            "ModelName": "named",
            "ExecutionRoleArn": ROLE,
            "Containers": [{"ModelPackageName": made["ModelPackageArn"]}],
            "InferenceExecutionConfig": {"Mode": "Direct"},
        }

    _, text = refusal(sagemaker.create_model, **model("a", "a"))
    assert "more than one ContainerHostname 'a'" in text
    assert sagemaker.create_model(**model("a", "b"))["ModelArn"]
