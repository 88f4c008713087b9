"""What limited callers may and may not do, service by service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.iam.people import ACCOUNT, allow, deny, fresh, policy, refused, role, user

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def bucket(server: Server) -> str:
    """Create a bucket with two objects."""
    name = fresh("bucket")
    s3 = server.client("s3")
    s3.create_bucket(Bucket=name)
    for key in ("home/bob/a", "home/eve/a"):
        s3.put_object(Bucket=name, Key=key, Body=b"content")
    return name


def test_reading_and_writing_an_object_are_different_permissions(server: Server, bucket: str) -> None:
    _, keys = user(server, allow("s3:GetObject", f"arn:aws:s3:::{bucket}/home/bob/*"))
    s3 = server.client("s3", keys)
    assert s3.get_object(Bucket=bucket, Key="home/bob/a")["Body"].read() == b"content"
    assert s3.head_object(Bucket=bucket, Key="home/bob/a")["ContentLength"] == 7
    with refused("AccessDenied", "s3:GetObject"):
        s3.get_object(Bucket=bucket, Key="home/eve/a")
    with refused("AccessDenied", "s3:PutObject"):
        s3.put_object(Bucket=bucket, Key="home/bob/b", Body=b"")
    with refused("AccessDenied", "s3:PutObject"):
        s3.create_multipart_upload(Bucket=bucket, Key="home/bob/b")
    with refused("AccessDenied", "s3:DeleteObject"):
        s3.delete_object(Bucket=bucket, Key="home/bob/a")
    with refused("AccessDenied", "s3:ListBucket"):
        s3.list_objects_v2(Bucket=bucket)


def test_a_copy_needs_to_read_the_source(server: Server, bucket: str) -> None:
    _, keys = user(
        server,
        allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*"),
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/home/bob/*"),
    )
    s3 = server.client("s3", keys)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "home/bob/a"})
    with refused("AccessDenied", "home/eve/a"):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "home/eve/a"})


def test_a_listing_can_be_held_to_a_prefix(server: Server, bucket: str) -> None:
    prefix = {"StringLike": {"s3:prefix": "home/${aws:username}/*"}}
    name, keys = user(server, allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition=prefix))
    s3 = server.client("s3", keys)
    s3.list_objects_v2(Bucket=bucket, Prefix=f"home/{name}/x")
    with refused("AccessDenied"):
        s3.list_objects_v2(Bucket=bucket, Prefix="home/eve/")


def test_a_bucket_policy_lets_a_user_in_and_keeps_an_administrator_out(server: Server) -> None:
    admin, bucket = server.client("s3"), fresh("bucket")
    name, keys = user(server)
    admin.create_bucket(Bucket=bucket)
    admin.put_object(Bucket=bucket, Key="open", Body=b"1")
    admin.put_object(Bucket=bucket, Key="shut", Body=b"2")
    admin.put_bucket_policy(
        Bucket=bucket,
        Policy=policy(
            allow(
                "s3:GetObject",
                f"arn:aws:s3:::{bucket}/*",
                Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"},
            ),
            deny("s3:GetObject", f"arn:aws:s3:::{bucket}/shut", Principal="*"),
        ),
    )
    s3 = server.client("s3", keys)
    assert s3.get_object(Bucket=bucket, Key="open")["Body"].read() == b"1"
    for client in (s3, admin):
        with refused("AccessDenied", "with an explicit deny in a resource-based policy"):
            client.get_object(Bucket=bucket, Key="shut")
    admin.delete_bucket_policy(Bucket=bucket)
    assert admin.get_object(Bucket=bucket, Key="shut")["Body"].read() == b"2"
    with refused("AccessDenied"):
        s3.get_object(Bucket=bucket, Key="open")


def test_passing_a_role_is_a_permission_of_its_own(server: Server) -> None:
    arn = role(server, {"Service": "sagemaker.amazonaws.com"})
    passing = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    _, without = user(server, allow("sagemaker:*"))
    _, other = user(server, allow("sagemaker:*"), allow("iam:PassRole", arn + "x"))
    _, trusted = user(server, allow("sagemaker:*"), allow("iam:PassRole", arn, Condition=passing))
    request = {
        "ModelName": fresh("model"),
        "ExecutionRoleArn": arn,
        "PrimaryContainer": {"Image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"},
    }
    for keys in (without, other):
        with refused("AccessDeniedException", f"iam:PassRole on resource: {arn}"):
            server.client("sagemaker", keys).create_model(**request)
    assert server.client("sagemaker", trusted).create_model(**request)["ModelArn"]


def test_sagemaker_permissions_hold_for_the_named_resource(server: Server) -> None:
    mine = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/mine-*"
    _, keys = user(server, allow("sagemaker:DescribeTrainingJob", mine))
    sagemaker = server.client("sagemaker", keys)
    with refused("ValidationException"):
        sagemaker.describe_training_job(TrainingJobName="mine-1")  # allowed, and not there
    with refused("AccessDeniedException", "training-job/yours-1 because no identity-based policy"):
        sagemaker.describe_training_job(TrainingJobName="yours-1")
    with refused("AccessDeniedException", "sagemaker:ListTrainingJobs"):
        sagemaker.list_training_jobs()


def test_a_resource_s_tags_can_be_asked_for(server: Server) -> None:
    sagemaker = server.client("sagemaker")
    arn = role(server, {"Service": "sagemaker.amazonaws.com"})
    names = {team: fresh(team) for team in ("ml", "web")}
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    for team, name in names.items():
        tags = [{"Key": "Team", "Value": team}]
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=arn, PrimaryContainer={"Image": image}, Tags=tags
        )
    tagged = {"StringEquals": {"aws:ResourceTag/Team": "ml"}}
    _, keys = user(server, allow("sagemaker:DescribeModel", Condition=tagged))
    theirs = server.client("sagemaker", keys)
    assert theirs.describe_model(ModelName=names["ml"])["ModelName"] == names["ml"]
    with refused("AccessDeniedException", "sagemaker:DescribeModel"):
        theirs.describe_model(ModelName=names["web"])


def test_a_region_can_be_forbidden(server: Server) -> None:
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}
    _, keys = user(server, allow("sagemaker:*"), deny("*", Condition=elsewhere))
    server.client("sagemaker", keys).list_models()
    with refused("AccessDeniedException", "explicit deny"):
        server.client("sagemaker", keys, region_name="eu-west-1").list_models()


def test_an_address_can_be_forbidden(server: Server) -> None:
    _, home = user(server, allow("s3:*", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}))
    _, away = user(server, allow("s3:*", Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
    server.client("s3", home).list_buckets()
    with refused("AccessDenied"):
        server.client("s3", away).list_buckets()


def test_logs_are_held_to_their_group(server: Server) -> None:
    group = f"arn:aws:logs:*:*:log-group:/aws/sagemaker/{fresh('g')}"
    name = group.rsplit("log-group:", 1)[-1]
    _, keys = user(server, allow("logs:*", f"{group}:*"))
    logs = server.client("logs", keys)
    logs.create_log_group(logGroupName=name)
    logs.describe_log_streams(logGroupName=name)
    with refused("AccessDeniedException", "logs:CreateLogGroup"):
        logs.create_log_group(logGroupName="/other")


def test_a_change_of_policy_holds_from_the_next_call_on(server: Server) -> None:
    iam = server.client("iam")
    name, keys = user(server)
    s3 = server.client("s3", keys)
    for _ in range(3):
        with refused("AccessDenied"):
            s3.list_buckets()
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(allow("s3:*")))
        s3.list_buckets()
        iam.delete_user_policy(UserName=name, PolicyName="p")


def test_invoking_an_endpoint_is_asked_of_the_policies(server: Server) -> None:
    mine = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/mine"
    _, keys = user(server, allow("sagemaker:InvokeEndpoint", mine))
    runtime = server.client("sagemaker-runtime", keys)
    with refused("ValidationError", "mine"):
        runtime.invoke_endpoint(EndpointName="mine", Body=b"1")  # allowed, and not there
    with refused("AccessDeniedException", "sagemaker:InvokeEndpoint"):
        runtime.invoke_endpoint(EndpointName="yours", Body=b"1")


def test_a_job_reads_and_writes_with_its_role_s_rights(server: Server, bucket: str) -> None:
    service = {"Service": "sagemaker.amazonaws.com"}
    everything = f"arn:aws:s3:::{bucket}*"
    reader = role(server, service, allow(["s3:ListBucket", "s3:GetObject"], everything))
    writer = role(server, service, allow(["s3:ListBucket", "s3:PutObject"], everything))
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/home/"}}
    request = {
        "TrainingJobName": fresh("job"),
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": source}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    sagemaker = server.client("sagemaker")
    with refused("ValidationException", "not authorized to perform: s3:PutObject"):
        sagemaker.create_training_job(**request, RoleArn=reader)
    with refused("ValidationException", "not authorized to perform: s3:GetObject"):
        sagemaker.create_training_job(**request, RoleArn=writer)


def test_a_role_that_does_not_trust_sagemaker_is_not_taken(server: Server) -> None:
    arn = role(server, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    with refused("ValidationException", "allows principal 'sagemaker.amazonaws.com' to assume the role"):
        server.client("sagemaker").create_model(
            ModelName=fresh("model"),
            ExecutionRoleArn=arn,
            PrimaryContainer={
                "Image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
            },
        )
