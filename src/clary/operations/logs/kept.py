"""What CloudWatch Logs keeps for others: resource policies, and queries that Insights would run."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations.logs.names import refused
from clary.operations.registry import Call, operation
from clary.resources.logs.query_definition import QUERY_DEFINITION
from clary.resources.logs.resource_policy import RESOURCE_POLICY
from clary.resources.spec import Resource
from clary.store.records import Filter, Record

_PAGE = 50


@operation("logs", "PutResourcePolicy", level="stored")
def put_policy(call: Call) -> Document:
    """Keep a policy of the account, or replace the one of that name."""
    request = call.request
    if "resourceArn" in request:
        raise refused("Policies on a single log group are not available here; leave resourceArn out.")
    if not {"policyName", "policyDocument"} <= request.keys():
        raise refused("Both policyName and policyDocument are needed.")
    try:
        json.loads(request["policyDocument"])
    except ValueError as error:
        raise refused(f"The policyDocument is not JSON: {error}.") from error
    record = _put(call, RESOURCE_POLICY, request["policyName"], request)
    return {"resourcePolicy": _policy(record)}


@operation("logs", "DescribeResourcePolicies", level="stored")
def policies(call: Call) -> Document:
    """Answer the account's policies."""
    return _page(call, RESOURCE_POLICY, "resourcePolicies", [], "limit", _policy)


@operation("logs", "DeleteResourcePolicy", level="stored")
def delete_policy(call: Call) -> None:
    """Forget a policy."""
    if "policyName" not in call.request:
        raise refused("policyName is needed.")
    with call.records.database.write():
        call.records.delete(call.records.get(RESOURCE_POLICY, call.request))


@operation("logs", "PutQueryDefinition", level="stored")
def put_query(call: Call) -> Document:
    """Keep a query, or replace the one of that id."""
    given = call.request.get("queryDefinitionId")
    if given:
        call.records.get(QUERY_DEFINITION, call.request)
    made = given or str(uuid.uuid4())
    _put(call, QUERY_DEFINITION, made, {**call.request, "queryDefinitionId": made})
    return {"queryDefinitionId": made}


@operation("logs", "DescribeQueryDefinitions", level="stored")
def queries(call: Call) -> Document:
    """Answer the kept queries."""
    prefix = call.request.get("queryDefinitionNamePrefix")
    where = [Filter("name", "starts", prefix)] if prefix else []
    return _page(call, QUERY_DEFINITION, "queryDefinitions", where, "maxResults", _query)


@operation("logs", "DeleteQueryDefinition", level="stored")
def delete_query(call: Call) -> Document:
    """Forget a query."""
    with call.records.database.write():
        call.records.delete(call.records.get(QUERY_DEFINITION, call.request))
    return {"success": True}


@operation("logs", "DescribeSubscriptionFilters", level="stored")
def subscriptions(call: Call) -> Document:
    """Answer that a group has no subscriptions: there is nothing yet that could be subscribed."""
    call.logs.group(call.account, call.region, call.request["logGroupName"])
    return {"subscriptionFilters": []}


def _put(call: Call, resource: Resource, key: str, doc: Document) -> Record:
    with call.records.database.write():
        found = call.records.find(resource, key)
        return call.records.update(found, doc) if found else call.records.create(resource, doc)


def _page(
    call: Call,
    resource: Resource,
    name: str,
    where: list[Filter],
    limit: str,
    told: Callable[[Record], Document],
) -> Document:
    size, token = call.request.get(limit, _PAGE), call.request.get("nextToken")
    try:
        found = call.records.page(resource, where=where, limit=size, token=token)
    except ValidationError as error:
        raise refused(error.message) from error
    answer: Document = {name: [told(record) for record in found.records]}
    return answer | ({"nextToken": found.next_token} if found.next_token else {})


def _policy(record: Record) -> Document:
    return {
        "policyName": record.name,
        "policyDocument": record.doc["policyDocument"],
        "lastUpdatedTime": int(record.modified.timestamp() * 1000),
        "policyScope": "ACCOUNT",
    }


def _query(record: Record) -> Document:
    kept = ("queryLanguage", "queryDefinitionId", "name", "queryString", "logGroupNames", "parameters")
    told = {name: record.doc[name] for name in kept if name in record.doc}
    return {**told, "lastModified": int(record.modified.timestamp() * 1000)}
