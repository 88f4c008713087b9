"""Whom a bucket tells of its objects: EventBridge, whose rules have the targets."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.registry import Call, operation
from clary.operations.s3.request import bucket_of
from clary.store.objects.errors import refused
from clary.store.objects.telling import SETTING

_OTHERS = ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations")


@operation("s3", "GetBucketNotificationConfiguration")
def get(call: Call) -> Document:
    """Answer the configuration."""
    return {"EventBridgeConfiguration": {}} if SETTING in bucket_of(call).settings else {}


@operation("s3", "PutBucketNotificationConfiguration")
def put(call: Call) -> Document:
    """Tell EventBridge from now on, or nobody."""
    bucket, given = bucket_of(call), call.request["NotificationConfiguration"]
    if asked := [name for name in _OTHERS if given.get(name)]:
        words = f"{asked[0]} are not implemented: give EventBridgeConfiguration, and the target to a rule."
        raise refused("NotImplemented", words)
    if given.get("EventBridgeConfiguration") is not None:
        call.objects.configure(bucket.name, {SETTING: True})
    else:
        call.objects.configure(bucket.name, {}, remove=[SETTING])
    return {}
