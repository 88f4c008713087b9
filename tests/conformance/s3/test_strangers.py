"""Who may use a bucket besides its owner: nobody, unless its policy says so and nothing blocks that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError
from tests.conformance.s3.bucket import Bucket, make

if TYPE_CHECKING:
    from tests.conftest import Server

OTHER = "222222222222"


@pytest.fixture
def bucket(server: Server) -> Bucket:
    """A bucket with an object that lets policies be public."""
    made = make(server)
    made.s3.put_object(Bucket=made.name, Key="open/k", Body=b"x", Tagging="team=red")
    made.s3.delete_public_access_block(Bucket=made.name)
    return made


@pytest.fixture
def stranger(server: Server) -> Any:
    """A client that signs nothing."""
    return server.client("s3", config={"signature_version": UNSIGNED})


@pytest.fixture
def foreign(server: Server) -> Iterator[Bucket]:
    """A bucket of another account, with the administrator's client of this one."""
    objects, name = server.stores.objects, f"foreign-{uuid4().hex[:12]}"
    objects.create_bucket(name, OTHER, "us-east-1")
    objects.put(name, "k", b"theirs")
    yield Bucket(name, server, server.client("s3"))
    objects.delete(name, "k")
    objects.delete_bucket(name)


def _policy(bucket: str, action: str = "s3:GetObject", **more: Any) -> str:
    resource = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/open/*", f"arn:aws:s3:::{bucket}/k"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _code(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Code"])


def test_nobody_knows_an_unsigned_caller(bucket: Bucket, stranger: Any) -> None:
    assert _code(stranger.get_object, Bucket=bucket.name, Key="open/k") == "AccessDenied"
    assert _code(stranger.put_object, Bucket=bucket.name, Key="open/k", Body=b"y" * 70_000) == "AccessDenied"
    assert _code(stranger.list_buckets) == "AccessDenied"
    assert _code(stranger.create_bucket, Bucket=f"mine-{uuid4().hex[:8]}") == "AccessDenied"


def test_a_public_policy_lets_everybody_in_as_far_as_it_says(bucket: Bucket, stranger: Any) -> None:
    bucket.s3.put_bucket_policy(Bucket=bucket.name, Policy=_policy(bucket.name))
    assert bucket.s3.get_bucket_policy_status(Bucket=bucket.name)["PolicyStatus"]["IsPublic"] is True
    assert stranger.get_object(Bucket=bucket.name, Key="open/k")["Body"].read() == b"x"
    assert _code(stranger.get_object, Bucket=bucket.name, Key="closed") == "AccessDenied"
    assert _code(stranger.delete_object, Bucket=bucket.name, Key="open/k") == "AccessDenied"
    bucket.s3.put_bucket_policy(Bucket=bucket.name, Policy=_policy(bucket.name, "s3:*"))
    stranger.put_object(Bucket=bucket.name, Key="open/new", Body=b"z" * 70_000)
    assert [o["Key"] for o in stranger.list_objects_v2(Bucket=bucket.name)["Contents"]] == [
        "open/k",
        "open/new",
    ]


def test_a_batch_deletes_what_may_be_deleted_and_refuses_the_rest_by_key(
    bucket: Bucket, stranger: Any
) -> None:
    bucket.s3.put_bucket_policy(Bucket=bucket.name, Policy=_policy(bucket.name, "s3:DeleteObject"))
    for key in ("closed/a", "closed/b"):
        bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=b"x")
    named = [{"Key": key} for key in ("closed/a", "open/k", "closed/b")]
    named.append({"Key": "open/k", "VersionId": "null"})  # needs s3:DeleteObjectVersion
    answer = stranger.delete_objects(Bucket=bucket.name, Delete={"Objects": named})
    assert answer["Deleted"] == [{"Key": "open/k"}]
    refused = [(each["Key"], each.get("VersionId"), each["Code"]) for each in answer["Errors"]]
    expected = [("closed/a", None), ("closed/b", None), ("open/k", "null")]
    assert refused == [(key, version, "AccessDenied") for key, version in expected]
    left = bucket.s3.list_objects_v2(Bucket=bucket.name)["Contents"]
    assert [each["Key"] for each in left] == ["closed/a", "closed/b"]


def test_blocks_keep_a_public_policy_out_or_silence_it(bucket: Bucket, stranger: Any) -> None:
    public = _policy(bucket.name)
    bucket.s3.put_bucket_policy(Bucket=bucket.name, Policy=public)
    block = {"RestrictPublicBuckets": True}
    bucket.s3.put_public_access_block(Bucket=bucket.name, PublicAccessBlockConfiguration=block)
    assert _code(stranger.get_object, Bucket=bucket.name, Key="open/k") == "AccessDenied"
    block = {"BlockPublicPolicy": True}
    bucket.s3.put_public_access_block(Bucket=bucket.name, PublicAccessBlockConfiguration=block)
    assert stranger.get_object(Bucket=bucket.name, Key="open/k")["Body"].read() == b"x"
    assert bucket.refused("put_bucket_policy", Policy=public) == ("AccessDenied", 403)


@pytest.mark.parametrize(
    ("condition", "public"),
    [
        ({"StringEquals": {"aws:SourceAccount": "111111111111"}}, False),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, True),
        ({"StringLike": {"aws:PrincipalArn": "*"}}, True),
        ({"StringNotEquals": {"aws:SourceAccount": "111111111111"}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
    ],
)
def test_a_condition_that_names_somebody_closes_a_policy(
    bucket: Bucket, condition: dict[str, Any], public: bool
) -> None:
    bucket.s3.put_bucket_policy(Bucket=bucket.name, Policy=_policy(bucket.name, Condition=condition))
    told = bucket.s3.get_bucket_policy_status(Bucket=bucket.name)["PolicyStatus"]["IsPublic"]
    assert told is public


def test_a_policy_may_ask_for_an_objects_tags(bucket: Bucket, stranger: Any) -> None:
    condition = {"StringEquals": {"s3:ExistingObjectTag/team": "red"}}
    bucket.s3.put_bucket_policy(Bucket=bucket.name, Policy=_policy(bucket.name, Condition=condition))
    bucket.s3.put_object(Bucket=bucket.name, Key="open/blue", Body=b"", Tagging="team=blue")
    assert stranger.get_object(Bucket=bucket.name, Key="open/k")["Body"].read() == b"x"
    assert _code(stranger.get_object, Bucket=bucket.name, Key="open/blue") == "AccessDenied"


def test_another_accounts_bucket_is_closed_and_not_listed(foreign: Bucket) -> None:
    assert foreign.refused("get_object", Key="k") == ("AccessDenied", 403)
    assert foreign.refused("put_object", Key="k", Body=b"")[0] == "AccessDenied"
    assert foreign.refused("list_objects_v2") == ("AccessDenied", 403)
    assert foreign.refused("create_bucket") == ("BucketAlreadyExists", 409)
    assert foreign.name not in [b["Name"] for b in foreign.s3.list_buckets()["Buckets"]]
    copied = {"Bucket": foreign.name, "Key": "k"}
    mine = make(foreign.server)
    assert mine.refused("copy_object", Key="stolen", CopySource=copied) == ("AccessDenied", 403)


def test_another_account_may_let_this_one_in(foreign: Bucket) -> None:
    me = {"AWS": "000000000000"}
    text = _policy(foreign.name, Principal=me)
    foreign.server.stores.objects.configure(foreign.name, {"Policy": text})
    assert foreign.s3.get_object(Bucket=foreign.name, Key="k")["Body"].read() == b"theirs"
    assert foreign.refused("get_object", Key="k", ExpectedBucketOwner="000000000000")[1] == 403
    foreign.s3.get_object(Bucket=foreign.name, Key="k", ExpectedBucketOwner=OTHER)
    assert foreign.refused("delete_object", Key="k") == ("AccessDenied", 403)
