"""Domains, user profiles, spaces and apps as boto3 sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.studio.people import ARN, ROLE, domain, refusal

if TYPE_CHECKING:
    from tests.conftest import Server

ABSENT = "d-absent"


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def test_a_domain_gets_an_id_and_its_settings_add_up(sagemaker: Any) -> None:
    asked = {"DomainSettings": {"SecurityGroupIds": ["sg-1"]}, "AppNetworkAccessType": "VpcOnly"}
    made = domain(sagemaker, "team", SubnetIds=["subnet-1"], VpcId="vpc-1", **asked)
    told = sagemaker.describe_domain(DomainId=made)
    assert made.startswith("d-")
    assert (told["DomainArn"], told["Status"]) == (f"{ARN}:domain/{made}", "InService")
    assert not {"Url", "HomeEfsFileSystemId", "SecurityGroupIdForDomainBoundary"} & set(told)
    sagemaker.update_domain(
        DomainId=made,
        DefaultUserSettings={"SecurityGroups": ["sg-2"]},
        DomainSettingsForUpdate={"ExecutionRoleIdentityConfig": "DISABLED"},
    )
    told = sagemaker.describe_domain(DomainId=made)
    assert told["DefaultUserSettings"] == {"ExecutionRole": ROLE, "SecurityGroups": ["sg-2"]}
    assert told["DomainSettings"] == {"SecurityGroupIds": ["sg-1"], "ExecutionRoleIdentityConfig": "DISABLED"}
    ids = [
        each["DomainId"]
        for page in sagemaker.get_paginator("list_domains").paginate()
        for each in page["Domains"]
    ]
    assert made in ids
    sagemaker.delete_domain(DomainId=made, RetentionPolicy={"HomeEfsFileSystem": "Delete"})
    assert refusal(sagemaker.describe_domain, DomainId=made) == (
        "ResourceNotFound",
        f"Domain [{made}] does not exist.",
    )


def test_a_domain_goes_after_all_who_live_in_it(sagemaker: Any) -> None:
    home = domain(sagemaker, "homes")
    sagemaker.create_user_profile(DomainId=home, UserProfileName="ada")
    sagemaker.create_space(
        DomainId=home,
        SpaceName="desk",
        OwnershipSettings={"OwnerUserProfileName": "ada"},
        SpaceSharingSettings={"SharingType": "Private"},
    )
    app = {"DomainId": home, "SpaceName": "desk", "AppType": "JupyterLab", "AppName": "default"}
    sagemaker.create_app(**app)
    person, space = {"DomainId": home, "UserProfileName": "ada"}, {"DomainId": home, "SpaceName": "desk"}
    for call, request in (
        (sagemaker.delete_domain, {"DomainId": home}),
        (sagemaker.delete_user_profile, person),
        (sagemaker.delete_space, space),
    ):
        assert refusal(call, **request)[0] == "ResourceInUse"
    sagemaker.delete_app(**app)
    sagemaker.delete_space(**space)
    sagemaker.delete_user_profile(**person)
    sagemaker.delete_domain(DomainId=home)
    for call, request in (
        (sagemaker.describe_app, app),
        (sagemaker.describe_space, space),
        (sagemaker.describe_user_profile, person),
    ):
        assert refusal(call, **request)[0] == "ResourceNotFound"


def test_an_app_is_kept_as_what_nothing_runs(sagemaker: Any) -> None:
    home = domain(sagemaker, "apps")
    sagemaker.create_user_profile(DomainId=home, UserProfileName="ada")
    app = {"DomainId": home, "UserProfileName": "ada", "AppType": "KernelGateway", "AppName": "k"}
    made = sagemaker.create_app(**app, ResourceSpec={"InstanceType": "ml.t3.medium"})
    assert made["AppArn"] == f"{ARN}:app/{home}/ada/kernelgateway/k"
    told = sagemaker.describe_app(**app)
    assert (told["Status"], told["ResourceSpec"]["InstanceType"]) == ("Failed", "ml.t3.medium")
    assert "docs/reference/operations.md" in told["FailureReason"]
    [listed] = sagemaker.list_apps(DomainIdEquals=home, UserProfileNameEquals="ada")["Apps"]
    assert (listed["AppName"], listed["Status"]) == ("k", "Failed")
    assert sagemaker.list_apps(DomainIdEquals=home, SpaceNameEquals="ada")["Apps"] == []
    assert refusal(sagemaker.create_app, **app)[0] == "ResourceInUse"
    for wrong in ({"SpaceName": "s"}, {"UserProfileName": "nobody"}, {"DomainId": ABSENT}):
        assert refusal(sagemaker.create_app, **{**app, **wrong})[0] == "ValidationException"


def test_a_space_is_listed_with_what_matters_of_it(sagemaker: Any) -> None:
    home = domain(sagemaker, "spaces")
    sagemaker.create_user_profile(DomainId=home, UserProfileName="ada")
    sagemaker.create_space(
        DomainId=home,
        SpaceName="Lab",
        SpaceSettings={"AppType": "JupyterLab", "SpaceManagedResources": "DISABLED"},
        OwnershipSettings={"OwnerUserProfileName": "ada"},
        SpaceSharingSettings={"SharingType": "Shared"},
    )
    sagemaker.update_space(DomainId=home, SpaceName="Lab", SpaceSettings={"RemoteAccess": "ENABLED"})
    [listed] = sagemaker.list_spaces(DomainIdEquals=home, SpaceNameContains="lab")["Spaces"]
    assert listed["SpaceSettingsSummary"] == {"AppType": "JupyterLab", "RemoteAccess": "ENABLED"}
    assert listed["SpaceSharingSettingsSummary"] == {"SharingType": "Shared"}
    assert listed["OwnershipSettingsSummary"] == {"OwnerUserProfileName": "ada"}
    alone = {"DomainId": home, "SpaceName": "two", "OwnershipSettings": {"OwnerUserProfileName": "ada"}}
    assert refusal(sagemaker.create_space, **alone)[0] == "ValidationException"
    nobody = {
        "OwnershipSettings": {"OwnerUserProfileName": "nobody"},
        "SpaceSharingSettings": {"SharingType": "Shared"},
    }
    assert refusal(sagemaker.create_space, **{**alone, **nobody})[0] == "ValidationException"


def test_nobody_lives_in_a_domain_that_is_not_there(sagemaker: Any) -> None:
    for call, name in (
        (sagemaker.create_user_profile, "UserProfileName"),
        (sagemaker.create_space, "SpaceName"),
    ):
        code, text = refusal(call, DomainId=ABSENT, **{name: "x"})
        assert (code, text) == ("ValidationException", f"Domain [{ABSENT}] does not exist.")
    code, _ = refusal(sagemaker.update_user_profile, DomainId=ABSENT, UserProfileName="x")
    assert code == "ResourceNotFound"


def test_there_is_no_url_into_what_nothing_serves(sagemaker: Any) -> None:
    home = domain(sagemaker, "closed")
    sagemaker.create_user_profile(DomainId=home, UserProfileName="ada")
    code, text = refusal(sagemaker.create_presigned_domain_url, DomainId=home, UserProfileName="ada")
    assert (code, "CreatePresignedDomainUrl" in text) == ("InvalidAction", True)


def test_user_profiles_are_found_by_domain_and_name_and_their_settings_add_up(sagemaker: Any) -> None:
    home = domain(sagemaker, "people")
    for name in ("ada", "adele", "grace"):
        sagemaker.create_user_profile(
            DomainId=home,
            UserProfileName=name,
            UserSettings={"ExecutionRole": ROLE, "DefaultLandingUri": "app:"},
        )
    found = sagemaker.list_user_profiles(
        DomainIdEquals=home, UserProfileNameContains="AD", SortOrder="Ascending"
    )
    assert [each["UserProfileName"] for each in found["UserProfiles"]] == ["ada", "adele"]
    sagemaker.update_user_profile(
        DomainId=home, UserProfileName="ada", UserSettings={"DefaultLandingUri": "studio::"}
    )
    told = sagemaker.describe_user_profile(DomainId=home, UserProfileName="ada")
    assert told["UserSettings"] == {"ExecutionRole": ROLE, "DefaultLandingUri": "studio::"}
    assert (told["UserProfileArn"], told["Status"]) == (f"{ARN}:user-profile/{home}/ada", "InService")
