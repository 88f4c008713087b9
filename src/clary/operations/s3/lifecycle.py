"""Lifecycle rules: kept, and their expirations acted on; a move between storage classes changes nothing."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.ids import uid
from clary.operations.registry import Call, operation
from clary.operations.s3.request import bucket_of
from clary.store.objects.errors import refused

_MOST = 1000
_DEFAULT = "all_storage_classes_128K"
_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
)
_DAYS = ("Days", "NoncurrentDays", "DaysAfterInitiation")


@operation("s3", "GetBucketLifecycleConfiguration")
def get(call: Call) -> Document:
    """Answer the rules."""
    bucket = bucket_of(call)
    kept = bucket.settings.get("Lifecycle")
    if kept is None:
        raise ApiError(
            "The lifecycle configuration does not exist",
            code="NoSuchLifecycleConfiguration",
            status=404,
            members={"BucketName": bucket.name},
        )
    return dict(kept)


@operation("s3", "PutBucketLifecycleConfiguration")
def put(call: Call) -> Document:
    """Keep rules; the controller looks at them every hour."""
    bucket = bucket_of(call)
    rules = call.request.get("LifecycleConfiguration", {}).get("Rules", [])
    if not 1 <= len(rules) <= _MOST:
        raise _malformed()
    named = [{**rule, "ID": rule.get("ID") or uid()} for rule in rules]
    if len({rule["ID"] for rule in named}) < len(named):
        raise refused("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
    for rule in named:
        _check(rule)
    least = call.request.get("TransitionDefaultMinimumObjectSize", _DEFAULT)
    kept = {"Rules": named, "TransitionDefaultMinimumObjectSize": least}
    call.objects.configure(bucket.name, {"Lifecycle": kept})
    return {"TransitionDefaultMinimumObjectSize": least}


@operation("s3", "DeleteBucketLifecycle")
def delete(call: Call) -> Document:
    """Drop the rules."""
    call.objects.configure(bucket_of(call).name, {}, remove=["Lifecycle"])
    return {}


def _check(rule: Document) -> None:
    if len(rule["ID"]) > 255:
        raise refused("InvalidArgument", "ID length should not exceed allowed limit of 255")
    if not any(rule.get(action) for action in _ACTIONS):
        raise refused("InvalidRequest", "At least one action needs to be specified in a rule")
    if ("Filter" in rule) == ("Prefix" in rule):
        raise _malformed()
    actions = [rule[action] for action in _ACTIONS if rule.get(action)]
    for action in [each for item in actions for each in (item if isinstance(item, list) else [item])]:
        for member in _DAYS:
            least = 0 if "StorageClass" in action else 1
            if action.get(member) is not None and action[member] < least:
                message = f"'{member}' for the action must be a positive integer"
                raise refused("InvalidArgument", message, ArgumentName=member, ArgumentValue=action[member])
    expiration = rule.get("Expiration") or {}
    if len([name for name in ("Days", "Date", "ExpiredObjectDeleteMarker") if name in expiration]) > 1:
        raise _malformed()


def _malformed() -> ApiError:
    message = "The XML you provided was not well-formed or did not validate against our published schema"
    return refused("MalformedXML", message)
