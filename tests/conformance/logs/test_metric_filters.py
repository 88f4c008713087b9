"""Metric filters, kept policies and queries, and older spellings, as boto3 sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

COUNTED = {"metricName": "errors", "metricNamespace": "app", "metricValue": "1", "defaultValue": 0.0}


@pytest.fixture(scope="module")
def logs(server: Server) -> Any:
    client = server.client("logs")
    client.create_log_group(logGroupName="/filtered", tags={"team": "a"})
    return client


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def test_filters_are_kept_listed_and_go_with_their_group(logs: Any) -> None:
    logs.create_log_group(logGroupName="/going")
    put = {"logGroupName": "/going", "filterPattern": "ERROR", "metricTransformations": [COUNTED]}
    for name in ("b", "a"):
        logs.put_metric_filter(filterName=name, **put)
    logs.put_metric_filter(filterName="a", **{**put, "filterPattern": '{ $.level = "ERROR" }'})
    told = logs.describe_metric_filters(logGroupName="/going")["metricFilters"]
    assert [each["filterName"] for each in told] == ["a", "b"]
    assert told[0]["filterPattern"] == '{ $.level = "ERROR" }'
    assert told[0]["metricTransformations"] == [COUNTED]
    [group] = logs.describe_log_groups(logGroupNamePrefix="/going")["logGroups"]
    assert group["metricFilterCount"] == 2
    logs.delete_metric_filter(logGroupName="/going", filterName="b")
    with pytest.raises(ClientError) as refused:
        logs.delete_metric_filter(logGroupName="/going", filterName="b")
    assert code_of(refused) == "ResourceNotFoundException"
    logs.delete_log_group(logGroupName="/going")
    left = logs.describe_metric_filters(metricName="errors", metricNamespace="app")["metricFilters"]
    assert [each for each in left if each["logGroupName"] == "/going"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"filterPattern": "[a, b]"},
        {"filterPattern": "{ $.a = "},
        {"metricTransformations": [{**COUNTED, "metricValue": "many"}]},
        {"metricTransformations": [{**COUNTED, "dimensions": {"a": "$.a"}}]},
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(logs: Any, change: dict[str, Any]) -> None:
    asked = {"filterPattern": "ERROR", "metricTransformations": [COUNTED], **change}
    with pytest.raises(ClientError) as refused:
        logs.put_metric_filter(logGroupName="/filtered", filterName="f", **asked)
    assert code_of(refused) == "InvalidParameterException"


def test_a_pattern_is_tried_on_messages(logs: Any) -> None:
    messages = ['{"a": 1}', '{"a": 7}', "no json"]
    told = logs.test_metric_filter(filterPattern="{ $.a > 3 }", logEventMessages=messages)["matches"]
    assert told == [{"eventNumber": 2, "eventMessage": '{"a": 7}', "extractedValues": {"$.a": "7"}}]


def test_groups_are_listed_by_pattern_and_tag(logs: Any) -> None:
    listed = logs.list_log_groups(
        logGroupNamePattern="^/filt", logGroupTags=[{"key": "team", "values": ["a"]}]
    )
    assert [each["logGroupName"] for each in listed["logGroups"]] == ["/filtered"]
    none = logs.list_log_groups(
        logGroupNamePattern="filtered", logGroupTags=[{"key": "team", "values": ["b"]}]
    )
    assert none["logGroups"] == []


def test_older_spellings_of_tags(logs: Any) -> None:
    logs.tag_log_group(logGroupName="/filtered", tags={"cost": "7"})
    logs.untag_log_group(logGroupName="/filtered", tags=["team"])
    assert logs.list_tags_log_group(logGroupName="/filtered")["tags"] == {"cost": "7"}
    logs.tag_log_group(logGroupName="/filtered", tags={"team": "a"})


def test_policies_and_queries_are_kept(logs: Any) -> None:
    logs.put_resource_policy(policyName="p", policyDocument='{"Statement": []}')
    [policy] = logs.describe_resource_policies()["resourcePolicies"]
    assert policy["policyDocument"] == '{"Statement": []}'
    logs.delete_resource_policy(policyName="p")
    assert logs.describe_resource_policies()["resourcePolicies"] == []
    made = logs.put_query_definition(name="slow", queryString="fields @message")["queryDefinitionId"]
    logs.put_query_definition(name="slow", queryString="fields @timestamp", queryDefinitionId=made)
    [query] = logs.describe_query_definitions(queryDefinitionNamePrefix="sl")["queryDefinitions"]
    assert (query["queryDefinitionId"], query["queryString"]) == (made, "fields @timestamp")
    assert logs.delete_query_definition(queryDefinitionId=made)["success"]
    assert logs.describe_subscription_filters(logGroupName="/filtered")["subscriptionFilters"] == []
