"""Feature groups and their features: definitions, and what becomes of the two stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ResourceNotFound, ValidationError
from clary.operations import crud, none_yet, references
from clary.operations.kinds import of
from clary.operations.registry import Call, before, completes, operation
from clary.resources.features.feature_group import FEATURE_GROUP
from clary.resources.features.feature_metadata import FEATURE_METADATA
from clary.store.features import OnlineStore
from clary.store.record import Record, key_of

_RESERVED = ("is_deleted", "write_time", "api_invocation_time")
_MOST = 2500  # definitions of one group; the model's limit on FeatureDefinitions
_MOST_PARAMETERS = 25  # of one feature; the model's limit on ParameterAdditions
_OFFLINE = "Clary does not write offline stores yet; see docs/reference/operations.md."


@before("sagemaker", "CreateFeatureGroup")
def check(call: Call) -> None:
    """Refuse a group whose records could not be told apart, or that has no store."""
    request = call.request
    types = _types(request["FeatureDefinitions"])
    for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        if request[member] not in types:
            raise ValidationError(f"{member} is {request[member]!r}, which FeatureDefinitions does not have.")
    if types[request["EventTimeFeatureName"]] not in ("String", "Fractional"):
        raise ValidationError("The feature type of the event time must be String or Fractional.")
    if "OfflineStoreConfig" in request and "RoleArn" not in request:
        raise ValidationError("RoleArn is required with OfflineStoreConfig.")
    if not _online(request) and "OfflineStoreConfig" not in request:
        raise ValidationError("Enable the online store, or give an OfflineStoreConfig, or both.")
    if role := request.get("RoleArn"):
        references.role(call, role)


@completes("sagemaker", "CreateFeatureGroup")
def created(call: Call) -> Document:
    """Say what the stores of a group are good for."""
    if "OfflineStoreConfig" not in call.request:
        return {"FeatureGroupStatus": "Created"}
    blocked = {"OfflineStoreStatus": {"Status": "Blocked", "BlockedReason": _OFFLINE}}
    if _online(call.request):
        return {"FeatureGroupStatus": "Created", **blocked}
    return {"FeatureGroupStatus": "CreateFailed", "FailureReason": _OFFLINE, **blocked}


@operation("sagemaker", "CreateFeatureGroup")
def create(call: Call) -> Document:
    """Keep a group and a record for each of its features."""
    with call.records.database.write():
        answer = crud.create(of(FEATURE_GROUP), call)
        group = call.records.get(FEATURE_GROUP, call.request)
        _add_features(call, group, call.request["FeatureDefinitions"])
    return answer


@operation("sagemaker", "UpdateFeatureGroup")
def update(call: Call) -> Document:
    """Add features, or change the online store's configuration."""
    request = call.request
    additions: list[Document] = request.get("FeatureAdditions", [])
    with call.records.database.write():
        group = crud.named(of(FEATURE_GROUP), call)
        definitions = [*group.doc["FeatureDefinitions"], *additions]
        _types(definitions)
        changes: Document = {
            "FeatureDefinitions": definitions,
            "LastUpdateStatus": {"Status": "Successful"},
            **_changed(group.doc, request),
        }
        call.records.update(group, changes)
        _add_features(call, group, additions)
    return {"FeatureGroupArn": group.arn}


@operation("sagemaker", "DeleteFeatureGroup")
def delete(call: Call) -> None:
    """Forget a group, its features and its online records."""
    with call.records.database.write():
        group = crud.named(of(FEATURE_GROUP), call)
        for feature in _features(call, group):
            call.records.delete(feature)
        OnlineStore(call.records.database, call.clock, group.uid).clear()
        call.records.delete(group)


@operation("sagemaker", "DescribeFeatureMetadata")
def describe_feature(call: Call) -> Document:
    """Describe one feature of a group."""
    return crud.described(of(FEATURE_METADATA), _feature(call).doc)


@operation("sagemaker", "UpdateFeatureMetadata")
def update_feature(call: Call) -> None:
    """Describe a feature in words and parameters."""
    request = call.request
    with call.records.database.write():
        feature = _feature(call)
        given = [*feature.doc.get("Parameters", ()), *request.get("ParameterAdditions", ())]
        parameters = {each.get("Key", ""): each.get("Value", "") for each in given}
        for key in request.get("ParameterRemovals", ()):
            parameters.pop(key, None)
        if len(parameters) > _MOST_PARAMETERS:
            raise ValidationError(
                f"The feature would have {len(parameters)} parameters; it may have {_MOST_PARAMETERS}."
            )
        said = {"Description": request["Description"]} if "Description" in request else {}
        listed = [{"Key": key, "Value": value} for key, value in parameters.items()]
        call.records.update(feature, {**said, "Parameters": listed})


none_yet.listed("ListResourceCatalogs")


def _online(doc: Document) -> bool:
    return bool(doc.get("OnlineStoreConfig", {}).get("EnableOnlineStore"))


def _types(definitions: list[Document]) -> dict[str, str]:
    """Return feature types by name; definitions that cannot be are refused."""
    types: dict[str, str] = {}
    for definition in definitions:
        name = definition["FeatureName"]
        if name in types:
            raise ValidationError(f"There is more than one feature named {name!r}.")
        if name in _RESERVED:
            raise ValidationError(f"A feature cannot be named {name!r}: the name is reserved.")
        vector = definition.get("CollectionType") == "Vector"
        if vector and definition["FeatureType"] != "Fractional":
            raise ValidationError(f"The vector {name!r} must have the FeatureType Fractional.")
        if vector and "VectorConfig" not in definition.get("CollectionConfig", {}):
            raise ValidationError(f"The vector {name!r} has no CollectionConfig.VectorConfig.Dimension.")
        types[name] = definition["FeatureType"]
    if len(types) > _MOST:
        raise ValidationError(f"A feature group may have {_MOST} features; this one would have {len(types)}.")
    return types


def _changed(doc: Document, request: Document) -> Document:
    changes: Document = {}
    if (given := request.get("OnlineStoreConfig")) is not None:
        if not _online(doc):
            raise ValidationError("The feature group has no online store to configure.")
        changes["OnlineStoreConfig"] = {**doc["OnlineStoreConfig"], **given}
        if given.get("TtlDuration") == {}:  # both members null: evidence/feature-store.md
            del changes["OnlineStoreConfig"]["TtlDuration"]
    if "ThroughputConfig" in request:
        changes["ThroughputConfig"] = {**doc.get("ThroughputConfig", {}), **request["ThroughputConfig"]}
    return changes


def _add_features(call: Call, group: Record, definitions: list[Document]) -> None:
    for definition in definitions:
        place = {"FeatureGroupName": group.name, "FeatureGroupArn": group.arn}
        call.records.create(FEATURE_METADATA, {**place, **definition})


def _features(call: Call, group: Record) -> Iterator[Record]:
    for definition in group.doc["FeatureDefinitions"]:
        place = {"FeatureGroupName": group.name, "FeatureName": definition["FeatureName"]}
        if feature := call.records.find(FEATURE_METADATA, key_of(FEATURE_METADATA, place)):
            yield feature


def _feature(call: Call) -> Record:
    named = {"FeatureGroupName": call.request["FeatureGroupName"]}
    group = crud.named(of(FEATURE_GROUP), replace(call, request=named))
    place = {"FeatureGroupName": group.name, "FeatureName": call.request["FeatureName"]}
    feature = call.records.scoped(group.account, group.region).find(
        FEATURE_METADATA, key_of(FEATURE_METADATA, place)
    )
    if feature is None:
        raise ResourceNotFound(
            f"Resource Not Found: the feature group {group.name} has no feature {place['FeatureName']}"
        )
    return feature
