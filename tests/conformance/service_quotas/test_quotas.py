"""Service Quotas as boto3 sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def quotas(server: Server) -> Any:
    return server.client("service-quotas")


def named(quotas: Any, name: str) -> Any:
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    return next(quota for page in pages for quota in page["Quotas"] if quota["QuotaName"] == name)


def test_every_quota_is_listed_once(quotas: Any) -> None:
    pages = quotas.get_paginator("list_service_quotas").paginate(
        ServiceCode="sagemaker", PaginationConfig={"PageSize": 37}
    )
    codes = [quota["QuotaCode"] for page in pages for quota in page["Quotas"]]
    assert len(codes) == len(set(codes)) > 500
    assert {s["ServiceCode"] for s in quotas.list_services()["Services"]} >= {"sagemaker", "s3", "iam"}


def test_a_quota_says_whether_it_is_enforced(quotas: Any) -> None:
    enforced = named(quotas, "ml.m5.large for training job usage")["Description"]
    listed = named(quotas, "ml.m5.large for processing job usage")["Description"]
    assert "Enforced" in enforced
    assert "does not enforce" in listed


def test_a_granted_increase_holds_and_the_default_stays(quotas: Any) -> None:
    quota = named(quotas, "ml.m5.2xlarge for transform job usage")
    asked = {"ServiceCode": "sagemaker", "QuotaCode": quota["QuotaCode"]}
    more = quota["Value"] + 6
    request = quotas.request_service_quota_increase(**asked, DesiredValue=more)["RequestedQuota"]
    assert request["Status"] == "APPROVED"
    assert quotas.get_service_quota(**asked)["Quota"]["Value"] == quota["Value"] + 6
    assert quotas.get_aws_default_service_quota(**asked)["Quota"]["Value"] == quota["Value"]
    seen = quotas.get_requested_service_quota_change(RequestId=request["Id"])["RequestedQuota"]
    assert seen["DesiredValue"] == quota["Value"] + 6
    history = quotas.list_requested_service_quota_change_history_by_quota(**asked)["RequestedQuotas"]
    assert [each["Id"] for each in history] == [request["Id"]]


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("list_service_quotas", {"ServiceCode": "nothing"}, "NoSuchResourceException"),
        ("get_service_quota", {"ServiceCode": "s3", "QuotaCode": "L-00000000"}, "NoSuchResourceException"),
        (
            "list_service_quotas",
            {"ServiceCode": "s3", "NextToken": "forged"},
            "InvalidPaginationTokenException",
        ),
        ("get_requested_service_quota_change", {"RequestId": "none"}, "NoSuchResourceException"),
    ],
)
def test_what_is_not_there_is_refused(
    quotas: Any, operation: str, request_: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(quotas, operation)(**request_)
    assert refused.value.response["Error"]["Code"] == code


def test_a_lower_value_and_a_fixed_quota_are_refused(quotas: Any) -> None:
    quota = named(quotas, "ml.m5.large for endpoint usage")
    fixed = next(q for q in quotas.list_service_quotas(ServiceCode="iam")["Quotas"] if not q["Adjustable"])
    for each, value in ((quota, 1.0), (fixed, 1e6)):
        asked = {"ServiceCode": each["ServiceCode"], "QuotaCode": each["QuotaCode"]}
        with pytest.raises(ClientError) as refused:
            quotas.request_service_quota_increase(**asked, DesiredValue=value)
        assert refused.value.response["Error"]["Code"] == "IllegalArgumentException"
