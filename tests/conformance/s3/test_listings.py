"""boto3's paginators walk listings, and bucket settings come back as they were put."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.conformance.s3.bucket import Bucket, make

if TYPE_CHECKING:
    from tests.conftest import Server

KEYS = [*sorted(f"dir{number % 3}/ü &<{number}>" for number in range(13)), "top"]


@pytest.fixture(scope="module")
def bucket(server: Server) -> Bucket:
    """A bucket with a few directories."""
    made = make(server)
    for key in KEYS:
        made.s3.put_object(Bucket=made.name, Key=key, Body=b"x")
    return made


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_pages_join_up(bucket: Bucket, operation: str, size: int) -> None:
    pages = bucket.s3.get_paginator(operation).paginate(
        Bucket=bucket.name, PaginationConfig={"PageSize": size}
    )
    assert [entry["Key"] for page in pages for entry in page.get("Contents", [])] == KEYS


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_directories_are_rolled_up(bucket: Bucket, operation: str, size: int) -> None:
    paginator = bucket.s3.get_paginator(operation)
    pages = list(paginator.paginate(Bucket=bucket.name, Delimiter="/", PaginationConfig={"PageSize": size}))
    prefixes = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
    assert prefixes == ["dir0/", "dir1/", "dir2/"]
    assert [entry["Key"] for page in pages for entry in page.get("Contents", [])] == ["top"]


def test_versions_are_listed_as_null(bucket: Bucket) -> None:
    pages = bucket.s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket.name, PaginationConfig={"PageSize": 5}
    )
    found = [(entry["Key"], entry["VersionId"]) for page in pages for entry in page["Versions"]]
    assert found == [(key, "null") for key in KEYS]


def test_uploads_and_parts_are_listed(bucket: Bucket) -> None:
    s3, name = bucket.s3, bucket.name
    ids = [s3.create_multipart_upload(Bucket=name, Key=f"up/{n}")["UploadId"] for n in range(3)]
    for number in (1, 2, 3):
        s3.upload_part(Bucket=name, Key="up/0", UploadId=ids[0], PartNumber=number, Body=b"x")
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=name, PaginationConfig={"PageSize": 2})
    assert [entry["UploadId"] for page in pages for entry in page["Uploads"]] == ids
    pages = s3.get_paginator("list_parts").paginate(
        Bucket=name, Key="up/0", UploadId=ids[0], PaginationConfig={"PageSize": 2}
    )
    assert [part["PartNumber"] for page in pages for part in page["Parts"]] == [1, 2, 3]
    for number, upload in enumerate(ids):
        s3.abort_multipart_upload(Bucket=name, Key=f"up/{number}", UploadId=upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=name)


def test_settings_come_back(server: Server) -> None:
    bucket = make(server)
    s3, name = bucket.s3, bucket.name
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == "us-east-1"
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    assert s3.get_bucket_acl(Bucket=name)["Grants"][0]["Permission"] == "FULL_CONTROL"
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=rules)
    assert s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"] == rules
    tags = [{"Key": "a", "Value": "b"}]
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags
    assert bucket.refused("get_bucket_policy") == ("NoSuchBucketPolicy", 404)
    assert bucket.refused("get_bucket_cors") == ("NoSuchCORSConfiguration", 404)
    assert name in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]


def test_a_bucket_policy_is_enforced(server: Server) -> None:
    bucket = make(server)
    bucket.s3.put_object(Bucket=bucket.name, Key="secret/k", Body=b"x")
    bucket.s3.put_object(Bucket=bucket.name, Key="open", Body=b"x")
    resource = f"arn:aws:s3:::{bucket.name}/secret/*"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}
    text = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    bucket.s3.put_bucket_policy(Bucket=bucket.name, Policy=text)
    assert bucket.s3.get_bucket_policy(Bucket=bucket.name)["Policy"] == text
    assert bucket.refused("get_object", Key="secret/k") == ("AccessDenied", 403)
    source = {"Bucket": bucket.name, "Key": "secret/k"}
    assert bucket.refused("copy_object", Key="copy", CopySource=source) == ("AccessDenied", 403)
    assert bucket.s3.get_object(Bucket=bucket.name, Key="open")["Body"].read() == b"x"


@pytest.mark.parametrize("region", ["eu-west-1"])
def test_a_bucket_elsewhere_says_where(server: Server, region: str) -> None:
    s3 = server.client("s3", region_name=region)
    name = f"elsewhere-{id(server)}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == region
    with pytest.raises(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    s3.delete_bucket(Bucket=name)
