"""MLflow servers and apps as boto3 sees them while nobody runs them; partner apps, which nothing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.studio.people import ACCOUNT, ARN, ROLE, refusal

if TYPE_CHECKING:
    from tests.conftest import Server

STORE = f"s3://sagemaker-us-east-1-{ACCOUNT}/mlflow"


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def test_a_tracking_server_is_begun_and_what_is_under_way_is_waited_for(sagemaker: Any) -> None:
    request = {"TrackingServerName": "track", "ArtifactStoreUri": STORE, "RoleArn": ROLE}
    made = sagemaker.create_mlflow_tracking_server(**request)
    assert made["TrackingServerArn"] == f"{ARN}:mlflow-tracking-server/track"
    told = sagemaker.describe_mlflow_tracking_server(TrackingServerName="track")
    assert (told["TrackingServerStatus"], told["IsActive"]) == ("Creating", "Inactive")
    assert (told["TrackingServerSize"], told["MlflowVersion"].partition(".")[0]) == ("Small", "3")
    assert "TrackingServerUrl" not in told
    for call in (
        sagemaker.start_mlflow_tracking_server,
        sagemaker.stop_mlflow_tracking_server,
        sagemaker.update_mlflow_tracking_server,
    ):
        code, text = refusal(call, TrackingServerName="track")
        assert (code, "is Creating" in text) == ("ConflictException", True)
    assert refusal(sagemaker.create_mlflow_tracking_server, **request)[0] == "ValidationException"
    listed = sagemaker.list_mlflow_tracking_servers(TrackingServerStatus="Creating", SortBy="Name")
    assert [each["TrackingServerName"] for each in listed["TrackingServerSummaries"]] == ["track"]
    sagemaker.delete_mlflow_tracking_server(TrackingServerName="track")
    told = sagemaker.describe_mlflow_tracking_server(TrackingServerName="track")
    assert told["TrackingServerStatus"] == "Deleting"
    absent = refusal(sagemaker.describe_mlflow_tracking_server, TrackingServerName="nobody")
    assert absent[0] == "ResourceNotFound"


def test_what_a_tracking_server_cannot_have_is_refused(sagemaker: Any) -> None:
    request = {"TrackingServerName": "refused", "ArtifactStoreUri": STORE, "RoleArn": ROLE}
    create = sagemaker.create_mlflow_tracking_server
    for wrong, words in (
        ({"MlflowVersion": "2.16.2"}, "Leave MlflowVersion out"),
        ({"ArtifactStoreUri": "s3://no-such-bucket-of-mlflow/x"}, "no-such-bucket-of-mlflow"),
        ({"RoleArn": "arn:aws:iam::000000000000:role/NoSuchRoleOfMlflow"}, "NoSuchRoleOfMlflow"),
        (
            {"S3BucketOwnerAccountId": "123456789012", "S3BucketOwnerVerification": True},
            "belongs to the account",
        ),
    ):
        code, text = refusal(create, **{**request, **wrong})
        assert (code, words in text) == ("ValidationException", True), text


def test_mlflow_apps_are_found_by_arn_and_listed_by_domain_and_name(sagemaker: Any) -> None:
    arns = {}
    for name in ("b", "a"):
        request = {
            "Name": name,
            "ArtifactStoreUri": STORE,
            "RoleArn": ROLE,
            "DefaultDomainIdList": [f"d-{name}"],
        }
        arns[name] = sagemaker.create_mlflow_app(**request)["Arn"]
    assert arns["a"].startswith(f"{ARN}:mlflow-app/app-")
    told = sagemaker.describe_mlflow_app(Arn=arns["a"])
    assert (told["Name"], told["Status"]) == ("a", "Creating")
    listed = sagemaker.list_mlflow_apps(SortBy="Name", SortOrder="Ascending")["Summaries"]
    assert [each["Name"] for each in listed if each["Arn"] in arns.values()] == ["a", "b"]
    listed = sagemaker.list_mlflow_apps(DefaultForDomainId="d-b")["Summaries"]
    assert [each["Arn"] for each in listed] == [arns["b"]]
    sagemaker.delete_mlflow_app(Arn=arns["a"])
    assert sagemaker.describe_mlflow_app(Arn=arns["a"])["Status"] == "Deleting"
    absent = f"{ARN}:mlflow-app/app-ABSENT"
    assert refusal(sagemaker.describe_mlflow_app, Arn=absent)[0] == "ResourceNotFound"


def test_a_partner_app_is_kept_as_what_nothing_runs(sagemaker: Any) -> None:
    request = {"Name": "shield", "Type": "fiddler", "ExecutionRoleArn": ROLE, "Tier": "t", "AuthType": "IAM"}
    made = sagemaker.create_partner_app(**request, ClientToken="once")["Arn"]
    assert sagemaker.create_partner_app(**request, ClientToken="once")["Arn"] == made
    told = sagemaker.describe_partner_app(Arn=made)
    assert (told["Status"], told["Error"]["Code"]) == ("Failed", "NotRun")
    assert "BaseUrl" not in told
    sagemaker.update_partner_app(Arn=made, Tier="u")
    assert sagemaker.describe_partner_app(Arn=made)["Tier"] == "u"
    assert [each["Arn"] for each in sagemaker.list_partner_apps()["Summaries"]] == [made]
    sagemaker.delete_partner_app(Arn=made)
    assert refusal(sagemaker.describe_partner_app, Arn=made)[0] == "ResourceNotFound"


def test_what_nothing_serves_has_no_url_and_no_session(sagemaker: Any) -> None:
    app = f"{ARN}:partner-app/app-ABCDEFGHIJKL"
    for call, request in (
        (sagemaker.create_partner_app_presigned_url, {"Arn": app}),
        (sagemaker.start_session, {"ResourceIdentifier": f"{ARN}:space/d-1/s"}),
    ):
        assert refusal(call, **request)[0] == "InvalidAction"
    assert sagemaker.list_resource_catalogs()["ResourceCatalogs"] == []
