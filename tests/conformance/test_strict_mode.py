"""Strict mode: what an account's quotas do not allow is refused in AWS's words, and only there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import strict

from clary.engines.quotas.table import Quota
from clary.resources.inference.endpoint import ENDPOINT

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT = "000000000000"
REGION = "eu-west-3"  # of no other test: quotas count what runs in a region
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def job(name: str, instance_type: str) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": f"s3://sagemaker-us-east-1-{ACCOUNT}/strict"},
        "ResourceConfig": {"InstanceType": instance_type, "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def test_an_accelerated_type_needs_a_quota_in_strict_mode(server: Server) -> None:
    lenient = server.client("sagemaker", region_name=REGION)
    lenient.create_training_job(**job("lenient", "ml.p3.2xlarge"))
    with strict(server) as url:
        client = server.client("sagemaker", region_name=REGION, endpoint_url=url)
        with pytest.raises(ClientError) as refused:
            client.create_training_job(**job("strict", "ml.p3.2xlarge"))
        error = refused.value.response["Error"]
        assert error["Code"] == "ResourceLimitExceeded"
        assert "'ml.p3.2xlarge for training job usage' is 0 Instances" in error["Message"]
        assert "current utilization of 1 Instances and a request delta of 1 Instances" in error["Message"]


def test_a_raised_quota_lets_more_in(server: Server) -> None:
    region = "eu-west-2"
    with strict(server) as url:
        client = server.client("sagemaker", region_name=region, endpoint_url=url)
        for index in range(4):
            client.create_training_job(**job(f"among-{index}", "ml.m5.large"))
        with pytest.raises(ClientError, match=r"across all training jobs|for training job usage"):
            client.create_training_job(**job("one-too-many", "ml.m5.large"))
        quotas = server.client("service-quotas", region_name=region)
        for page in quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
            for quota in page["Quotas"]:
                if quota["QuotaName"] in (
                    "ml.m5.large for training job usage",
                    "Number of instances across all training jobs",
                ):
                    asked = {"ServiceCode": "sagemaker", "QuotaCode": quota["QuotaCode"]}
                    quotas.request_service_quota_increase(**asked, DesiredValue=5)
        client.create_training_job(**job("now-it-fits", "ml.m5.large"))
        with pytest.raises(ClientError, match="is 5 Instances"):
            client.create_training_job(**job("one-too-many", "ml.m5.large"))


def test_an_endpoint_is_held_to_the_quotas_of_its_variants(server: Server) -> None:
    region = "eu-west-1"
    lenient = server.client("sagemaker", region_name=region)
    lenient.create_model(ModelName="m", PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 5}
    for name, instance_type in (("five", "ml.m5.large"), ("gpu", "ml.g5.xlarge")):
        lenient.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InstanceType": instance_type}]
        )
    with strict(server) as url:
        client = server.client("sagemaker", region_name=region, endpoint_url=url)
        for name, limit in (("five", "4"), ("gpu", "0")):
            with pytest.raises(ClientError, match=f"for endpoint usage' is {limit} Instances"):
                client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert lenient.create_endpoint(EndpointName="five", EndpointConfigName="five")["EndpointArn"]


def test_more_hosts_and_a_warm_pool_need_a_quota_as_well(server: Server) -> None:
    region = "eu-west-1"
    records = server.stores.records.scoped(ACCOUNT, region)
    variant = {"VariantName": "v", "InstanceType": "ml.c5.large", "Count": 1, "Weight": 1.0}
    doc = {"EndpointName": "grows", "EndpointConfigName": "c", "EndpointStatus": "InService"}
    record = records.create(ENDPOINT, {**doc, "_Wanted": {"Generation": 1, "Variants": [variant]}})
    more = {"EndpointName": "grows", "DesiredWeightsAndCapacities": [{"VariantName": "v"}]}
    with strict(server) as url:
        client = server.client("sagemaker", region_name=region, endpoint_url=url)
        more["DesiredWeightsAndCapacities"][0]["DesiredInstanceCount"] = 5  # type: ignore[index]
        with pytest.raises(ClientError, match=r"'ml\.c5\.large for endpoint usage' is 4 Instances"):
            client.update_endpoint_weights_and_capacities(**more)
        more["DesiredWeightsAndCapacities"][0]["DesiredInstanceCount"] = 4  # type: ignore[index]
        client.update_endpoint_weights_and_capacities(**more)
        pooled = job("pooled", "ml.m5.large")
        pooled["ResourceConfig"]["KeepAlivePeriodInSeconds"] = 60
        with pytest.raises(ClientError, match=r"'ml\.m5\.large for training warm pool usage' is 0 Instances"):
            client.create_training_job(**pooled)
    found = records.by_uid(record.uid)
    assert found is not None
    records.delete(found)


def test_a_warm_pool_counts_before_its_job_has_begun(server: Server) -> None:
    region = "sa-east-1"
    quotas = server.client("service-quotas", region_name=region)
    code = Quota("sagemaker", "ml.m5.large for training warm pool usage", 0.0).code
    quotas.request_service_quota_increase(ServiceCode="sagemaker", QuotaCode=code, DesiredValue=1)
    pooled = [job(f"pooled-{number}", "ml.m5.large") for number in range(2)]
    for each in pooled:
        each["ResourceConfig"]["KeepAlivePeriodInSeconds"] = 60
    with strict(server) as url:
        client = server.client("sagemaker", region_name=region, endpoint_url=url)
        client.create_training_job(**pooled[0])
        with pytest.raises(
            ClientError, match=r"warm pool usage' is 1 Instances, with current utilization of 1"
        ):
            client.create_training_job(**pooled[1])


def test_two_calls_do_not_take_the_last_of_a_quota(server: Server) -> None:
    with strict(server) as url, ThreadPoolExecutor(8) as pool:
        client = server.client("sagemaker", region_name="ap-southeast-3", endpoint_url=url)

        def create(number: int) -> bool:
            try:
                client.create_training_job(**job(f"at-once-{number}", "ml.m5.large"))
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ResourceLimitExceeded"
                return False
            return True

        assert sum(pool.map(create, range(12))) == 4
