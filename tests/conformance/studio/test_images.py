"""Images, their versions and their aliases as boto3 sees them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.studio.people import ARN, IMAGE, ROLE, refusal

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def image(sagemaker: Any, name: str, *versions: str) -> None:
    sagemaker.create_image(ImageName=name, RoleArn=ROLE, Description="d", DisplayName="n")
    for base in versions:
        sagemaker.create_image_version(ImageName=name, BaseImage=base)


def test_an_image_is_changed_and_goes_with_its_versions(sagemaker: Any) -> None:
    image(sagemaker, "Plain", IMAGE, IMAGE)
    sagemaker.get_waiter("image_created").wait(ImageName="Plain")
    sagemaker.update_image(ImageName="Plain", DisplayName="m", DeleteProperties=["Description"])
    told = sagemaker.describe_image(ImageName="Plain")
    assert (told["ImageArn"], told["ImageStatus"]) == (f"{ARN}:image/plain", "CREATED")
    assert (told["DisplayName"], "Description" in told) == ("m", False)
    taken = refusal(sagemaker.create_image, ImageName="Plain", RoleArn=ROLE)
    said = "The Image with ImageName Plain already exists. Please use a different ImageName."
    assert taken == ("ResourceInUse", said)
    for by in ("CREATION_TIME", "LAST_MODIFIED_TIME", "IMAGE_NAME"):
        assert sagemaker.list_images(NameContains="plain", SortBy=by, SortOrder="ASCENDING")["Images"]
    sagemaker.delete_image(ImageName="Plain")
    sagemaker.get_waiter("image_deleted").wait(ImageName="Plain")
    image(sagemaker, "Plain")
    assert sagemaker.list_image_versions(ImageName="Plain")["ImageVersions"] == []


def test_versions_are_numbered_and_found_by_number_alias_and_as_the_newest(sagemaker: Any) -> None:
    image(sagemaker, "Numbered")
    none = refusal(sagemaker.describe_image_version, ImageName="Numbered")
    said = "Latest ImageVersion with ImageName Numbered does not exist. Please provide a valid ImageName."
    assert none == ("ResourceNotFound", said)
    made = sagemaker.create_image_version(ImageName="Numbered", BaseImage=IMAGE, Aliases=["stable"])
    assert made["ImageVersionArn"] == f"{ARN}:image-version/numbered/1"
    sagemaker.get_waiter("image_version_created").wait(ImageName="Numbered", Version=1)
    sagemaker.create_image_version(ImageName="Numbered", BaseImage=IMAGE, Processor="CPU")
    told = sagemaker.describe_image_version(ImageName="Numbered")
    assert (told["Version"], told["Processor"], told["ContainerImage"]) == (2, "CPU", IMAGE)
    assert sagemaker.describe_image_version(ImageName="Numbered", Alias="stable")["Version"] == 1
    listed = sagemaker.list_image_versions(ImageName="Numbered", SortBy="VERSION", SortOrder="ASCENDING")
    assert [each["Version"] for each in listed["ImageVersions"]] == [1, 2]
    sagemaker.delete_image_version(ImageName="Numbered", Version=2)
    sagemaker.get_waiter("image_version_deleted").wait(ImageName="Numbered", Version=2)
    assert sagemaker.create_image_version(ImageName="Numbered", BaseImage=IMAGE)["ImageVersionArn"].endswith(
        "/3"
    )
    assert refusal(sagemaker.create_image_version, ImageName="none", BaseImage=IMAGE)[0] == "ResourceNotFound"


def test_numbers_are_consecutive_under_concurrent_creation_and_tokens_repeat(sagemaker: Any) -> None:
    image(sagemaker, "busy")

    def create(token: int) -> str:
        request = {"ImageName": "busy", "BaseImage": IMAGE, "ClientToken": f"t-{token}"}
        return str(sagemaker.create_image_version(**request)["ImageVersionArn"])

    with ThreadPoolExecutor(8) as pool:
        arns = list(pool.map(create, [*range(10), *range(10)]))
    assert arns[:10] == arns[10:]
    assert sorted(int(arn.rpartition("/")[2]) for arn in arns[:10]) == list(range(1, 11))
    code, _ = refusal(sagemaker.create_image_version, ImageName="busy", BaseImage="other", ClientToken="t-1")
    assert code == "ResourceInUse"


def test_a_version_of_what_does_not_run_here_has_failed(sagemaker: Any) -> None:
    image(sagemaker, "wrong", "nobody/knows:1")
    told = sagemaker.describe_image_version(ImageName="wrong", Version=1)
    assert told["ImageVersionStatus"] == "CREATE_FAILED"
    assert "There is no image" in told["FailureReason"]
    assert "ContainerImage" not in told


def test_an_alias_is_one_versions_at_a_time(sagemaker: Any) -> None:
    image(sagemaker, "aliased")
    create = sagemaker.create_image_version
    create(ImageName="aliased", BaseImage=IMAGE, Aliases=["a", "b"])
    create(ImageName="aliased", BaseImage=IMAGE, Aliases=["c"])
    assert refusal(create, ImageName="aliased", BaseImage=IMAGE, Aliases=["c"])[0] == "ResourceInUse"
    update = sagemaker.update_image_version
    assert refusal(update, ImageName="aliased", Version=1, AliasesToAdd=["c"])[0] == "ResourceInUse"
    update(ImageName="aliased", Alias="a", AliasesToAdd=["d"], AliasesToDelete=["a"], VendorGuidance="STABLE")

    def aliases(**request: Any) -> list[str]:
        pages = sagemaker.get_paginator("list_aliases").paginate(
            ImageName="aliased", **request, PaginationConfig={"PageSize": 1}
        )
        return [each for page in pages for each in page["SageMakerImageVersionAliases"]]

    assert aliases() == ["b", "c", "d"]
    assert aliases(Version=1) == aliases(Alias="b") == ["b", "d"]
    assert sagemaker.describe_image_version(ImageName="aliased", Version=1)["VendorGuidance"] == "STABLE"
    assert refusal(sagemaker.list_aliases, ImageName="aliased", Version=9)[0] == "ResourceNotFound"
    both = {"ImageName": "aliased", "Version": 1, "Alias": "b"}
    assert refusal(sagemaker.delete_image_version, **both)[0] == "ValidationException"
