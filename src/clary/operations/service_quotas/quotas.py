"""Service Quotas: what an account may use, and more of it for those who ask.

Whoever may ask for an increase is trusted with it: this is the operator's own machine, so it is granted at
once. Quotas bind in strict mode only (`clary.operations.strict`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.quotas.table import SERVICES, Quota, quotas
from clary.operations.computed_list import cut
from clary.operations.registry import Call, operation
from clary.resources.service_quotas.requested_service_quota_change import REQUESTED_SERVICE_QUOTA_CHANGE
from clary.store.records import Filter, Record

_PAGE = 100
_FOREIGN = "InvalidPaginationTokenException"


@operation("service-quotas", "ListServices")
def list_services(call: Call) -> Document:
    """Answer the services that have quotas."""
    told = [(code, {"ServiceCode": code, "ServiceName": name}) for code, name in SERVICES.items()]
    limit, token = call.request.get("MaxResults", _PAGE), call.request.get("NextToken")
    found, more = cut(call, told, limit, token, refused=_FOREIGN)
    return {"Services": found} | ({"NextToken": more} if more else {})


@operation("service-quotas", "ListServiceQuotas")
def list_quotas(call: Call) -> Document:
    """Answer a service's quotas with the values that hold for the account."""
    code = call.request.get("QuotaCode")
    found = [_quota(call, code)] if code else _quotas(call)
    return _page(call, "Quotas", found, lambda quota: _told(call, quota, value_of(call, quota)))


@operation("service-quotas", "ListAWSDefaultServiceQuotas")
def list_defaults(call: Call) -> Document:
    """Answer a service's quotas as they are before anyone asked for more."""
    return _page(call, "Quotas", _quotas(call), lambda quota: _told(call, quota, quota.default))


@operation("service-quotas", "GetServiceQuota")
def get(call: Call) -> Document:
    """Answer one quota with the value that holds."""
    quota = _quota(call, call.request["QuotaCode"])
    return {"Quota": _told(call, quota, value_of(call, quota))}


@operation("service-quotas", "GetAWSDefaultServiceQuota")
def get_default(call: Call) -> Document:
    """Answer one quota as it is before anyone asked for more."""
    quota = _quota(call, call.request["QuotaCode"])
    return {"Quota": _told(call, quota, quota.default)}


@operation("service-quotas", "RequestServiceQuotaIncrease")
def increase(call: Call) -> Document:
    """Grant a higher quota."""
    quota, desired = _quota(call, call.request["QuotaCode"]), float(call.request["DesiredValue"])
    if not quota.adjustable:
        raise ApiError(
            f"The quota {quota.name!r} cannot be adjusted.", code="IllegalArgumentException", status=400
        )
    with call.records.database.write():
        held = value_of(call, quota)
        if desired <= held:
            raise ApiError(
                f"DesiredValue is {desired:g}; it must be greater than the present value, {held:g}.",
                code="IllegalArgumentException",
                status=400,
            )
        now = call.clock.now()
        doc = {
            "Id": uuid.uuid4().hex,
            "ServiceCode": quota.service,
            "QuotaCode": quota.code,
            "DesiredValue": desired,
            "Status": "APPROVED",
            "Created": now,
            "LastUpdated": now,
            "Requester": f'{{"accountId":"{call.account}","callerArn":"{call.principal.arn}"}}',
        }
        record = call.records.create(REQUESTED_SERVICE_QUOTA_CHANGE, doc)
    return {"RequestedQuota": _request(call, record)}


@operation("service-quotas", "GetRequestedServiceQuotaChange")
def get_request(call: Call) -> Document:
    """Answer one request for an increase."""
    record = call.records.get(REQUESTED_SERVICE_QUOTA_CHANGE, {"Id": call.request["RequestId"]})
    return {"RequestedQuota": _request(call, record)}


@operation("service-quotas", "ListRequestedServiceQuotaChangeHistory")
def list_requests(call: Call) -> Document:
    """Answer the requests for increases, of one service or of all."""
    return _requests(call, ("ServiceCode", "Status"))


@operation("service-quotas", "ListRequestedServiceQuotaChangeHistoryByQuota")
def list_requests_of_quota(call: Call) -> Document:
    """Answer the requests for increases of one quota."""
    _quota(call, call.request["QuotaCode"])
    return _requests(call, ("ServiceCode", "QuotaCode", "Status"))


def value_of(call: Call, quota: Quota) -> float:
    """Return the value of a quota that holds for the caller's account and region."""
    binds = [Filter("QuotaCode", "eq", quota.code), Filter("Status", "eq", "APPROVED")]
    newest = call.records.page(REQUESTED_SERVICE_QUOTA_CHANGE, where=binds, limit=1).records
    return float(newest[0].doc["DesiredValue"]) if newest else quota.default


def _requests(call: Call, members: tuple[str, ...]) -> Document:
    binds = [Filter(member, "eq", call.request[member]) for member in members if member in call.request]
    found = call.records.page(
        REQUESTED_SERVICE_QUOTA_CHANGE,
        where=binds,
        limit=call.request.get("MaxResults", _PAGE),
        token=call.request.get("NextToken"),
    )
    answer: Document = {"RequestedQuotas": [_request(call, record) for record in found.records]}
    return answer | ({"NextToken": found.next_token} if found.next_token else {})


def _page(call: Call, name: str, items: list[Quota], told: Callable[[Quota], Document]) -> Document:
    limit, token = call.request.get("MaxResults", _PAGE), call.request.get("NextToken")
    found, more = cut(call, [(quota.code, quota) for quota in items], limit, token, refused=_FOREIGN)
    return {name: [told(quota) for quota in found]} | ({"NextToken": more} if more else {})


def _quotas(call: Call) -> list[Quota]:
    code = call.request["ServiceCode"]
    if code not in SERVICES:
        raise ApiError(
            f"The service {code!r} has no quotas here; ListServices names those that have.",
            code="NoSuchResourceException",
            status=400,
        )
    return list(quotas(code).values())


def _quota(call: Call, code: str) -> Quota:
    for quota in _quotas(call):
        if quota.code == code:
            return quota
    service = call.request["ServiceCode"]
    raise ApiError(
        f"The service {service!r} has no quota {code!r}; ListServiceQuotas names those that there are.",
        code="NoSuchResourceException",
        status=400,
    )


def _told(call: Call, quota: Quota, value: float) -> Document:
    region = "" if quota.everywhere else call.region
    return {
        "ServiceCode": quota.service,
        "ServiceName": SERVICES[quota.service],
        "QuotaArn": f"arn:aws:servicequotas:{region}:{call.account}:{quota.service}/{quota.code}",
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": value,
        "Unit": quota.unit,
        "Adjustable": quota.adjustable,
        "GlobalQuota": quota.everywhere,
        "QuotaAppliedAtLevel": "ACCOUNT",
        "Description": quota.description,
    }


def _request(call: Call, record: Record) -> Document:
    doc = record.doc
    quota = quotas(doc["ServiceCode"])[doc["QuotaCode"]]
    told = _told(call, quota, quota.default)
    kept = {"Id", "DesiredValue", "Status", "Created", "LastUpdated", "Requester"}
    shared = ("ServiceCode", "ServiceName", "QuotaArn", "QuotaCode", "QuotaName", "Unit", "GlobalQuota")
    return {**{name: told[name] for name in shared}, **{name: doc[name] for name in kept}} | {
        "QuotaRequestedAtLevel": "ACCOUNT"
    }
