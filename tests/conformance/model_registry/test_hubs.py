"""Hubs and their content as boto3 sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.model_registry.shop import ARN, refusal, stock

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return stock(server)


def shelf(sagemaker: Any, name: str, *versions: str) -> None:
    sagemaker.create_hub(HubName=name, HubDescription="d")
    for version in versions:
        sagemaker.import_hub_content(
            HubName=name,
            HubContentName="c",
            HubContentVersion=version,
            HubContentType="Model",
            DocumentSchemaVersion="2.1.0",
            HubContentDocument="{}",
        )


def test_a_hub_is_changed_and_kept_while_it_holds_content(sagemaker: Any) -> None:
    shelf(sagemaker, "kept", "1.0.0")
    arn = f"{ARN}:hub/kept"
    sagemaker.update_hub(HubName=arn, HubDescription="e")
    told = sagemaker.describe_hub(HubName="kept")
    assert (told["HubArn"], told["HubStatus"], told["HubDescription"]) == (arn, "InService", "e")
    assert refusal(sagemaker.create_hub, HubName="kept", HubDescription="d")[0] == "ResourceInUse"
    assert refusal(sagemaker.delete_hub, HubName="kept")[0] == "ResourceInUse"
    sagemaker.delete_hub_content(
        HubName="kept", HubContentType="Model", HubContentName="c", HubContentVersion="1.0.0"
    )
    sagemaker.delete_hub(HubName="kept")
    assert refusal(sagemaker.describe_hub, HubName="kept")[0] == "ResourceNotFound"


def test_the_newest_version_is_described_and_listed(sagemaker: Any) -> None:
    shelf(sagemaker, "versions", "1.2.0", "1.10.0", "1.9.0")
    asked = {"HubName": "versions", "HubContentType": "Model", "HubContentName": "c"}
    told = sagemaker.describe_hub_content(**asked)
    assert told["HubContentArn"] == f"{ARN}:hub-content/versions/Model/c/1.10.0"
    assert (told["HubContentStatus"], told["SupportStatus"]) == ("Available", "Supported")
    [listed] = sagemaker.list_hub_contents(HubName="versions", HubContentType="Model")["HubContentSummaries"]
    assert listed["HubContentVersion"] == "1.10.0"
    assert listed["OriginalCreationTime"] < listed["CreationTime"]

    def versions(**members: Any) -> set[str]:
        answer = sagemaker.list_hub_content_versions(**asked, **members)
        return {each["HubContentVersion"] for each in answer["HubContentSummaries"]}

    assert versions() == {"1.2.0", "1.9.0", "1.10.0"}
    assert versions(MinVersion="1.9.0") == {"1.9.0", "1.10.0"}
    assert versions(MaxSchemaVersion="2.0.9") == set()
    assert versions(MaxSchemaVersion="10.0.0") == {"1.2.0", "1.9.0", "1.10.0"}
    assert (
        sagemaker.list_hub_contents(HubName="versions", HubContentType="Notebook")["HubContentSummaries"]
        == []
    )
    sagemaker.delete_hub_content(**asked, HubContentVersion="1.10.0")
    assert sagemaker.describe_hub_content(**asked)["HubContentVersion"] == "1.9.0"
    sagemaker.update_hub_content(**asked, HubContentVersion="1.9.0", SupportStatus="Deprecated")
    assert sagemaker.describe_hub_content(**asked)["SupportStatus"] == "Deprecated"
    code, _ = refusal(sagemaker.describe_hub_content, **asked, HubContentVersion="3.0.0")
    assert code == "ResourceNotFound"


def test_content_needs_a_hub_a_free_version_and_a_document(sagemaker: Any) -> None:
    shelf(sagemaker, "strict-hub", "1.0.0")
    request = {
        "HubName": f"{ARN}:hub/strict-hub",
        "HubContentName": "c",
        "HubContentType": "Model",
        "DocumentSchemaVersion": "2.1.0",
        "HubContentDocument": "{}",
    }
    create = sagemaker.import_hub_content
    assert refusal(create, **request)[0] == "ResourceInUse"
    assert refusal(create, **{**request, "HubName": "absent"})[0] == "ResourceNotFound"
    assert refusal(create, **{**request, "HubContentDocument": "{"})[0] == "ValidationException"


def test_there_is_no_public_hub_to_refer_to(sagemaker: Any) -> None:
    shelf(sagemaker, "referring")
    public = "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/m"
    code, text = refusal(
        sagemaker.create_hub_content_reference, HubName="referring", SageMakerPublicHubContentArn=public
    )
    assert (code, "no public hub" in text) == ("ResourceNotFound", True)
    asked = {"HubName": "referring", "HubContentType": "ModelReference", "HubContentName": "m"}
    assert refusal(sagemaker.delete_hub_content_reference, **asked)[0] == "ResourceNotFound"
    assert refusal(sagemaker.update_hub_content_reference, **asked)[0] == "ResourceNotFound"
