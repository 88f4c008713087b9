"""What clients read of a bucket on every look at it, and what a browser is told."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.s3.bucket import Bucket, make

if TYPE_CHECKING:
    from tests.conftest import Server

RULE = {
    "AllowedOrigins": ["https://*.example.com"],
    "AllowedMethods": ["GET", "PUT"],
    "AllowedHeaders": ["x-amz-*"],
    "ExposeHeaders": ["ETag"],
    "MaxAgeSeconds": 60,
}


@pytest.fixture(scope="module")
def bucket(server: Server) -> Bucket:
    """A new bucket with one object."""
    made = make(server)
    made.s3.put_object(Bucket=made.name, Key="k", Body=b"x")
    return made


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
        ("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_policy_status", "NoSuchBucketPolicy"),
        ("get_bucket_tagging", "NoSuchTagSet"),
        ("get_bucket_metadata_table_configuration", "MetadataConfigurationNotFound"),
    ],
)
def test_what_was_never_configured_is_not_found(bucket: Bucket, operation: str, code: str) -> None:
    assert bucket.refused(operation) == (code, 404)


@pytest.mark.parametrize("kind", ["analytics", "inventory", "metrics", "intelligent_tiering"])
def test_no_configurations_are_listed(bucket: Bucket, kind: str) -> None:
    listed = getattr(bucket.s3, f"list_bucket_{kind}_configurations")(Bucket=bucket.name)
    assert listed["IsTruncated"] is False
    assert bucket.refused(f"get_bucket_{kind}_configuration", Id="x") == ("NoSuchConfiguration", 404)


def test_a_feature_may_be_turned_off_but_not_on(bucket: Bucket) -> None:
    s3, name = bucket.s3, {"Bucket": bucket.name}
    s3.put_bucket_notification_configuration(**name, NotificationConfiguration={})
    s3.put_bucket_logging(**name, BucketLoggingStatus={})
    s3.put_bucket_request_payment(**name, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    s3.put_bucket_accelerate_configuration(**name, AccelerateConfiguration={"Status": "Suspended"})
    s3.delete_bucket_website(**name)
    s3.delete_bucket_replication(**name)
    arn, created = "arn:aws:sqs:us-east-1:000000000000:q", ["s3:ObjectCreated:*"]
    events: dict[str, Any] = {"QueueConfigurations": [{"QueueArn": arn, "Events": created}]}
    assert bucket.refused("put_bucket_notification_configuration", NotificationConfiguration=events)[1] == 501
    payer = {"Payer": "Requester"}
    assert bucket.refused("put_bucket_request_payment", RequestPaymentConfiguration=payer)[1] == 501
    fast = {"Status": "Enabled"}
    assert bucket.refused("put_bucket_accelerate_configuration", AccelerateConfiguration=fast)[1] == 501
    assert s3.get_bucket_request_payment(**name)["Payer"] == "BucketOwner"


def test_acls_are_off_and_say_so(bucket: Bucket) -> None:
    name = {"Bucket": bucket.name, "Key": "k"}
    (grant,) = bucket.s3.get_object_acl(**name)["Grants"]
    assert grant["Permission"] == "FULL_CONTROL"
    refusal = ("AccessControlListNotSupported", 400)
    assert bucket.refused("put_bucket_acl", ACL="private") == refusal
    assert bucket.refused("put_object_acl", Key="k", ACL="public-read") == refusal
    assert bucket.refused("put_object", Key="l", ACL="public-read") == refusal
    bucket.s3.put_object_acl(**name, ACL="bucket-owner-full-control")
    bucket.s3.put_object(Bucket=bucket.name, Key="l", ACL="bucket-owner-full-control")


def test_ownership_is_enforced(bucket: Bucket) -> None:
    rules = [{"ObjectOwnership": "BucketOwnerEnforced"}]
    name = {"Bucket": bucket.name}
    assert bucket.s3.get_bucket_ownership_controls(**name)["OwnershipControls"] == {"Rules": rules}
    bucket.s3.delete_bucket_ownership_controls(**name)
    assert bucket.refused("get_bucket_ownership_controls") == ("OwnershipControlsNotFoundError", 404)
    bucket.s3.put_bucket_ownership_controls(**name, OwnershipControls={"Rules": rules})
    other = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    assert bucket.refused("put_bucket_ownership_controls", OwnershipControls=other)[1] == 501


def test_locks_and_archives_are_refused_in_words(bucket: Bucket) -> None:
    assert bucket.refused("get_object_retention", Key="k") == ("InvalidRequest", 400)
    assert bucket.refused("put_object_legal_hold", Key="k", LegalHold={"Status": "ON"})[0] == "InvalidRequest"
    assert bucket.refused("restore_object", Key="k", RestoreRequest={"Days": 1})[0] == "InvalidObjectState"


@pytest.mark.parametrize(
    "operation",
    [
        "select_object_content",
        "put_bucket_website",
        "put_bucket_replication",
        "put_object_lock_configuration",
        "get_object_torrent",
    ],
)
def test_what_is_not_built_says_so(bucket: Bucket, operation: str) -> None:
    method = getattr(bucket.s3, operation)
    shape = bucket.s3.meta.service_model.operation_model(
        bucket.s3.meta.method_to_api_mapping[operation]
    ).input_shape
    request = {member: _minimal(shape.members[member]) for member in shape.required_members}
    with pytest.raises(ClientError) as caught:
        method(**{**request, "Bucket": bucket.name})
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


def test_rules_of_pages_come_back_and_decide(bucket: Bucket, server: Server) -> None:
    bucket.s3.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": [RULE]})
    assert bucket.s3.get_bucket_cors(Bucket=bucket.name)["CORSRules"] == [RULE]
    good = {"Origin": "https://a.example.com", "Access-Control-Request-Method": "PUT"}
    status, headers = _options(server, bucket, {**good, "Access-Control-Request-Headers": "x-amz-date"})
    assert status == 200
    assert headers["access-control-allow-origin"] == "https://a.example.com"
    assert headers["access-control-allow-methods"] == "GET, PUT"
    assert headers["access-control-allow-headers"] == "x-amz-date"
    assert headers["access-control-expose-headers"] == "ETag"
    assert headers["access-control-max-age"] == "60"
    for wrong in (
        {**good, "Origin": "https://example.org"},
        {**good, "Access-Control-Request-Method": "DELETE"},
        {**good, "Access-Control-Request-Headers": "x-other"},
    ):
        assert _options(server, bucket, wrong)[0] == 403
    assert _options(server, bucket, {})[0] == 400
    url = bucket.s3.generate_presigned_url("get_object", Params={"Bucket": bucket.name, "Key": "k"})
    status, headers = _ask(server, "GET", url.partition(str(server.port))[2], {"Origin": good["Origin"]})
    assert (status, headers["access-control-allow-origin"]) == (200, good["Origin"])
    status, headers = _ask(server, "GET", url.partition(str(server.port))[2], {"Origin": "https://b.org"})
    assert (status, "access-control-allow-origin" in headers) == (200, False)
    bucket.s3.delete_bucket_cors(Bucket=bucket.name)
    assert _options(server, bucket, good)[0] == 403


@pytest.mark.parametrize(
    "change", [{"AllowedMethods": ["PATCH"]}, {"AllowedOrigins": ["*.*"]}, {"AllowedHeaders": ["*-*"]}]
)
def test_a_rule_that_cannot_be_is_refused(bucket: Bucket, change: dict[str, Any]) -> None:
    rules = {"CORSRules": [{**RULE, **change}]}
    assert bucket.refused("put_bucket_cors", CORSConfiguration=rules) == ("InvalidRequest", 400)


def _options(server: Server, bucket: Bucket, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    return _ask(server, "OPTIONS", f"/{bucket.name}/k", headers)


def _ask(server: Server, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}


def _minimal(shape: Any) -> Any:
    if shape.type_name == "structure":
        return {member: _minimal(shape.members[member]) for member in shape.required_members}
    if shape.type_name == "list":
        return [_minimal(shape.member)]
    return shape.enum[0] if getattr(shape, "enum", None) else 1 if shape.type_name == "integer" else "x"
