"""Hubs: shelves of models, notebooks and other content."""

from clary.resources.registry import register
from clary.resources.spec import Resource

HUB = register(
    Resource(
        kind="Hub",
        arn="hub/{HubName}",
        status="HubStatus",
        initial={"HubStatus": "InService"},  # There is nothing to it but its record.
        holds={"HubContent": {"HubName": "HubName"}},
        orders={"AccountIdOwner": "HubArn"},  # All are the caller's own: the order stays total.
        missing_text="Hub {name} does not exist.",
        level="behaves",
    )
)
HUB_CONTENT = register(
    Resource(
        kind="HubContent",
        arn="hub-content/{HubName}/{HubContentType}/{HubContentName}/{HubContentVersion}",
        identity=("HubName", "HubContentType", "HubContentName", "HubContentVersion"),
        named={"Create": "ImportHubContent"},
        status="HubContentStatus",
        initial={"HubContentStatus": "Available", "SupportStatus": "Supported"},
        filters={
            "NameContains": "HubContentName contains",
            "MaxSchemaVersion": "DocumentSchemaVersion le",  # Number by number: operations/…/hub_content.py
        },
        shown={"OriginalCreationTime": "_Origin"},
        missing_text="Hub content {name} does not exist.",
        level="behaves",
        absent=frozenset({"CreateHubContentPresignedUrls"}),
    )
)
