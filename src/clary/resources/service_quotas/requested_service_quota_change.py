"""Requests for a higher quota; the newest approved one says what holds."""

from clary.resources.registry import register
from clary.resources.spec import Resource

REQUESTED_SERVICE_QUOTA_CHANGE = register(
    Resource(
        kind="RequestedServiceQuotaChange",
        service="service-quotas",
        arn="request/{Id}",
        identity=("Id",),
        status="Status",
        missing="NoSuchResourceException",
        missing_text="The request {name} does not exist.",
    )
)
