"""Buckets and what their configuration calls keep."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.operations.s3.serving import ACCOUNT, BUCKET, S3

OTHER = "111111111111"
STATEMENT = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
    "Action": "s3:GetObject",
    "Resource": f"arn:aws:s3:::{BUCKET}/*",
}


@pytest.mark.parametrize(
    ("region", "constraint", "expected"),
    [
        ("us-east-1", None, "us-east-1"),
        ("us-east-1", "eu-west-1", "eu-west-1"),
        ("eu-west-1", "eu-west-1", "eu-west-1"),
        ("eu-west-1", None, "IllegalLocationConstraintException"),
        ("eu-west-1", "eu-west-2", "IllegalLocationConstraintException"),
        ("us-east-1", "us-east-1", "InvalidLocationConstraint"),
    ],
)
def test_a_bucket_is_made_where_its_constraint_says(
    tmp_path: Path, region: str, constraint: str | None, expected: str
) -> None:
    s3 = S3(tmp_path, region=region)
    request = {"CreateBucketConfiguration": {"LocationConstraint": constraint}} if constraint else {}
    if expected[0].isupper():
        assert s3.refused("CreateBucket", Bucket="new-bucket", **request).code == expected
        return
    assert s3("CreateBucket", Bucket="new-bucket", **request)["Location"] == "/new-bucket"
    assert s3("HeadBucket", Bucket="new-bucket")["BucketRegion"] == expected
    told = s3("GetBucketLocation", Bucket="new-bucket").get("LocationConstraint")
    assert told == (None if expected == "us-east-1" else expected)


def test_making_ones_own_bucket_again_succeeds_in_the_first_region_only(tmp_path: Path) -> None:
    assert S3(tmp_path)("CreateBucket")["Location"] == f"/{BUCKET}"
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    error = S3(tmp_path, region="eu-west-1").refused("CreateBucket", **elsewhere)
    assert (error.code, error.status) == ("BucketAlreadyOwnedByYou", 409)
    assert S3(tmp_path, account=OTHER).refused("CreateBucket").code == "BucketAlreadyExists"


def test_only_ones_own_buckets_are_listed(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    for name in ("b-bucket", "c-bucket"):
        s3("CreateBucket", Bucket=name)
    S3(tmp_path, account=OTHER)("CreateBucket", Bucket="other-bucket")
    names = [bucket["Name"] for bucket in s3("ListBuckets")["Buckets"]]
    assert names == [BUCKET, "b-bucket", "c-bucket"]
    page = s3("ListBuckets", MaxBuckets=2)
    assert [bucket["Name"] for bucket in page["Buckets"]] == names[:2]
    rest = s3("ListBuckets", ContinuationToken=page["ContinuationToken"])
    assert [bucket["Name"] for bucket in rest["Buckets"]] == names[2:]
    assert [b["Name"] for b in s3("ListBuckets", Prefix="b-")["Buckets"]] == ["b-bucket"]


def test_a_bucket_with_something_in_it_stays(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    s3("PutObject", Key="k", Body=b"")
    assert s3.refused("DeleteBucket").code == "BucketNotEmpty"
    s3("DeleteObject", Key="k")
    s3("DeleteBucket")
    error = s3.refused("HeadBucket")
    assert (error.code, error.status, error.members) == ("NoSuchBucket", 404, {"BucketName": BUCKET})


@pytest.mark.parametrize(
    "members",
    [{"ACL": "public-read"}, {"ObjectLockEnabledForBucket": True}, {"ObjectOwnership": "ObjectWriter"}],
)
def test_a_bucket_that_cannot_be_is_refused(tmp_path: Path, members: dict[str, object]) -> None:
    s3 = S3(tmp_path)
    s3.refused("CreateBucket", Bucket="new-bucket", **members)
    assert s3.refused("HeadBucket", Bucket="new-bucket").code == "NoSuchBucket"


def test_public_access_is_blocked_until_it_is_not(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    assert all(s3("GetPublicAccessBlock")["PublicAccessBlockConfiguration"].values())
    s3("PutPublicAccessBlock", PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    kept = s3("GetPublicAccessBlock")["PublicAccessBlockConfiguration"]
    assert [name for name, on in kept.items() if on] == ["BlockPublicAcls"]
    s3("DeletePublicAccessBlock")
    assert s3.refused("GetPublicAccessBlock").code == "NoSuchPublicAccessBlockConfiguration"


@pytest.mark.parametrize(
    ("feature", "member", "value", "missing"),
    [
        (
            "BucketEncryption",
            "ServerSideEncryptionConfiguration",
            {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
            "ServerSideEncryptionConfigurationNotFoundError",
        ),
        (
            "BucketPolicy",
            "Policy",
            json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]}),
            "NoSuchBucketPolicy",
        ),
    ],
)
def test_what_is_put_is_got_until_it_is_deleted(
    tmp_path: Path, feature: str, member: str, value: object, missing: str
) -> None:
    s3 = S3(tmp_path)
    assert s3.refused(f"Get{feature}").code == missing
    s3(f"Put{feature}", **{member: value})
    assert s3(f"Get{feature}") == {member: value}
    s3(f"Delete{feature}")
    error = s3.refused(f"Get{feature}")
    assert (error.code, error.status) == (missing, 404)


def test_bucket_tags_are_kept(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    assert s3.refused("GetBucketTagging").code == "NoSuchTagSet"
    s3("PutBucketTagging", Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    assert s3("GetBucketTagging")["TagSet"] == [{"Key": "a", "Value": "1"}]


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ("", "MalformedPolicy"),
        ("[]", "MalformedPolicy"),
        ("{", "MalformedPolicy"),
        (
            json.dumps({"Version": "2012-10-17", "Statement": [{**STATEMENT, "Resource": "*"}]}),
            "MalformedPolicy",
        ),
        (
            json.dumps({"Version": "2012-10-17", "Statement": [{**STATEMENT, "Principal": "*"}]}),
            "AccessDenied",
        ),
        (json.dumps({"Version": "2012-10-17", "Statement": []}) + " " * 20480, "PolicyTooLarge"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(tmp_path: Path, policy: str, code: str) -> None:
    s3 = S3(tmp_path)
    assert s3.refused("PutBucketPolicy", Policy=policy).code == code
    assert s3.refused("GetBucketPolicy").code == "NoSuchBucketPolicy"


def test_a_public_policy_needs_the_block_lifted(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    policy = json.dumps({"Version": "2012-10-17", "Statement": {**STATEMENT, "Principal": {"AWS": "*"}}})
    s3("DeletePublicAccessBlock")
    s3("PutBucketPolicy", Policy=policy)
    assert s3("GetBucketPolicyStatus") == {"PolicyStatus": {"IsPublic": True}}


def test_features_that_are_not_there_say_so(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    assert s3("GetBucketVersioning") == {}
    assert s3("GetBucketAcl")["Grants"][0]["Permission"] == "FULL_CONTROL"
    for operation in ("GetBucketCors", "GetBucketLifecycleConfiguration", "GetBucketWebsite"):
        assert s3.refused(operation).status == 404
    for operation in ("PutBucketReplication", "SelectObjectContent"):
        assert s3.refused(operation).code == "NotImplemented"


@pytest.mark.parametrize("operation", ["HeadBucket", "ListObjectsV2", "GetBucketLocation", "DeleteBucket"])
def test_an_unexpected_owner_is_refused(tmp_path: Path, operation: str) -> None:
    s3 = S3(tmp_path)
    error = s3.refused(operation, ExpectedBucketOwner=OTHER)
    assert (error.code, error.status) == ("AccessDenied", 403)
    s3(operation, ExpectedBucketOwner=ACCOUNT)
