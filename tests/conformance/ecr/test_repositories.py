"""ECR as boto3 sees it: repositories are kept, Clary's own images are listed, layers are not there yet."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def ecr(server: Server) -> Any:
    return server.client("ecr")


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def test_a_repository_is_kept_with_its_settings(ecr: Any) -> None:
    made = ecr.create_repository(repositoryName="team/churn", tags=[{"Key": "team", "Value": "a"}])
    uri = made["repository"]["repositoryUri"]
    assert uri == "000000000000.dkr.ecr.us-east-1.amazonaws.com/team/churn"
    with pytest.raises(ClientError) as refused:
        ecr.create_repository(repositoryName="team/churn")
    assert code_of(refused) == "RepositoryAlreadyExistsException"
    ecr.put_image_tag_mutability(repositoryName="team/churn", imageTagMutability="IMMUTABLE")
    [told] = ecr.describe_repositories(repositoryNames=["team/churn"])["repositories"]
    assert told["imageTagMutability"] == "IMMUTABLE"
    arn = told["repositoryArn"]
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "cost", "Value": "7"}])
    ecr.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert ecr.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "cost", "Value": "7"}]
    assert ecr.list_images(repositoryName="team/churn")["imageIds"] == []
    ecr.delete_repository(repositoryName="team/churn")
    with pytest.raises(ClientError) as refused:
        ecr.describe_repositories(repositoryNames=["team/churn"])
    assert code_of(refused) == "RepositoryNotFoundException"


def test_a_policy_is_kept_and_taken_away(ecr: Any) -> None:
    ecr.create_repository(repositoryName="with-policy")
    with pytest.raises(ClientError) as refused:
        ecr.get_repository_policy(repositoryName="with-policy")
    assert code_of(refused) == "RepositoryPolicyNotFoundException"
    with pytest.raises(ClientError) as refused:
        ecr.set_repository_policy(repositoryName="with-policy", policyText='{"Statement": "all"}')
    assert code_of(refused) == "InvalidParameterException"
    said = {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [said]})
    ecr.set_repository_policy(repositoryName="with-policy", policyText=text)
    assert ecr.get_repository_policy(repositoryName="with-policy")["policyText"] == text
    assert ecr.delete_repository_policy(repositoryName="with-policy")["policyText"] == text
    with pytest.raises(ClientError):
        ecr.delete_repository_policy(repositoryName="with-policy")


def test_own_images_are_listed_under_their_names(ecr: Any) -> None:
    pages = ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 1})
    names = [repository["repositoryName"] for page in pages for repository in page["repositories"]]
    assert {"sagemaker-xgboost", "sagemaker-scikit-learn"} <= set(names)
    assert len(names) == len(set(names))
    [image] = ecr.describe_images(repositoryName="sagemaker-xgboost")["imageDetails"]
    assert image["imageDigest"].startswith("sha256:")
    asked = [{"imageTag": "1.7-1"}]
    assert ecr.describe_images(repositoryName="sagemaker-xgboost", imageIds=asked)["imageDetails"] == [image]
    with pytest.raises(ClientError) as refused:
        ecr.describe_images(
            repositoryName="sagemaker-xgboost", imageIds=[{"imageDigest": "sha256:" + "0" * 64}]
        )
    assert code_of(refused) == "ImageNotFoundException"


def test_a_token_has_the_form_that_docker_login_takes(ecr: Any) -> None:
    [told] = ecr.get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(told["authorizationToken"]).decode().partition(":")
    assert user == "AWS"
    assert len(password) > 40


def test_pushing_is_refused_by_name(ecr: Any) -> None:
    with pytest.raises(ClientError, match="Clary does not have InitiateLayerUpload yet") as refused:
        ecr.initiate_layer_upload(repositoryName="any")
    assert code_of(refused) == "InvalidAction"
