"""The tagging API as boto3 sees it: tags of every service, found and changed in one place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

REGION = "ca-west-1"  # of no other test: what is tagged there is this module's
GROUP_ARN = "arn:aws:sagemaker:ca-west-1:000000000000:model-package-group/"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


@pytest.fixture(scope="module")
def tagging(server: Server) -> Any:
    client = server.client("sagemaker", region_name=REGION)
    for number in range(7):
        tags = [{"Key": "team", "Value": "ab"[number % 2]}, {"Key": f"n{number}", "Value": "x"}]
        client.create_model_package_group(ModelPackageGroupName=f"tagged-{number}", Tags=tags)
    client.create_model_package_group(ModelPackageGroupName="plain")
    server.client("logs", region_name=REGION).create_log_group(logGroupName="/tagged", tags={"team": "a"})
    s3 = server.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="tagged-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_tagging(Bucket="tagged-bucket", Tagging={"TagSet": [{"Key": "team", "Value": "b"}]})
    return server.client("resourcegroupstaggingapi", region_name=REGION)


def arns(tagging: Any, **asked: Any) -> list[str]:
    pages = tagging.get_paginator("get_resources").paginate(**asked, PaginationConfig={"PageSize": 2})
    return [each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"]]


def test_resources_are_found_by_tag_and_type_page_by_page(tagging: Any) -> None:
    everything = arns(tagging)
    assert len(everything) == len(set(everything)) == 9
    assert f"{GROUP_ARN}plain" not in everything
    by_team = arns(tagging, TagFilters=[{"Key": "team", "Values": ["a"]}])
    assert set(by_team) == {
        *(f"{GROUP_ARN}tagged-{number}" for number in (0, 2, 4, 6)),
        "arn:aws:logs:ca-west-1:000000000000:log-group:/tagged",
    }
    both = [{"Key": "team", "Values": ["a", "b"]}, {"Key": "n3"}]
    assert arns(tagging, TagFilters=both) == [f"{GROUP_ARN}tagged-3"]
    assert arns(tagging, ResourceTypeFilters=["s3"]) == ["arn:aws:s3:::tagged-bucket"]
    assert len(arns(tagging, ResourceTypeFilters=["sagemaker:model-package-group"])) == 7
    assert arns(tagging, ResourceTypeFilters=["sagemaker:endpoint"]) == []
    one = tagging.get_resources(ResourceARNList=["arn:aws:s3:::tagged-bucket"])
    assert [each["Tags"] for each in one["ResourceTagMappingList"]] == [[{"Key": "team", "Value": "b"}]]


def test_keys_and_values_in_use(tagging: Any) -> None:
    assert {"team", "n0"} <= set(tagging.get_tag_keys()["TagKeys"])
    assert sorted(tagging.get_tag_values(Key="team")["TagValues"]) == ["a", "b"]


def test_tags_are_added_and_taken_away_across_services(server: Server, tagging: Any) -> None:
    listed = [f"{GROUP_ARN}plain", "arn:aws:s3:::tagged-bucket", f"{GROUP_ARN}none"]
    failed = tagging.tag_resources(ResourceARNList=listed, Tags={"cost": "7"})["FailedResourcesMap"]
    assert list(failed) == [f"{GROUP_ARN}none"]
    found = arns(tagging, TagFilters=[{"Key": "cost", "Values": ["7"]}])
    assert set(found) == set(listed[:2])
    client = server.client("sagemaker", region_name=REGION)
    assert client.list_tags(ResourceArn=listed[0])["Tags"] == [{"Key": "cost", "Value": "7"}]
    assert tagging.untag_resources(ResourceARNList=listed[:2], TagKeys=["cost"])["FailedResourcesMap"] == {}
    assert arns(tagging, TagFilters=[{"Key": "cost"}]) == []


def test_tagging_needs_the_service_s_own_permission(server: Server, tagging: Any) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="tags-only")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "tag:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="tags-only", PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="tags-only")["AccessKey"]
    weak = server.client("resourcegroupstaggingapi", keys=key, region_name=REGION)
    with pytest.raises(ClientError, match="sagemaker:AddTags"):
        weak.tag_resources(ResourceARNList=[f"{GROUP_ARN}tagged-0"], Tags={"cost": "8"})
    assert arns(tagging, TagFilters=[{"Key": "cost", "Values": ["8"]}]) == []


def test_a_forged_token_is_refused(tagging: Any) -> None:
    with pytest.raises(ClientError) as refused:
        tagging.get_resources(PaginationToken="forged")
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
