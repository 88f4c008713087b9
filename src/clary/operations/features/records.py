"""Records of the online store: the latest event wins, and a deletion is an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.features.values import Invalid, Value, checked, event_micros, expiry, iso
from clary.operations.registry import Call, operation
from clary.resources.features.feature_group import FEATURE_GROUP
from clary.store.features import OnlineStore, Stored
from clary.store.record import Record, key_of
from clary.store.tokens import Tokens

SERVICE = "sagemaker-featurestore-runtime"
UPDATABLE = ("Standard_V2", "InMemory")
MOST_UPDATES = 100  # features of one UpdateRecord; the API reference
_PAGE = 100


@dataclass(frozen=True)
class Group:
    """A feature group as its records need it."""

    record: Record
    definitions: Mapping[str, Document]
    online: OnlineStore

    @property
    def identifier(self) -> str:
        """The feature that tells records apart."""
        return str(self.record.doc["RecordIdentifierFeatureName"])

    @property
    def event(self) -> str:
        """The feature that says when a record came to be."""
        return str(self.record.doc["EventTimeFeatureName"])

    def event_of(self, text: Value | None) -> int:
        """Return an event time of this group in microseconds since 1970."""
        return event_micros(text, self.definitions[self.event]["FeatureType"])

    @property
    def ttl(self) -> Document | None:
        """How long a record lives that does not say so itself."""
        duration: Document | None = self.record.doc["OnlineStoreConfig"].get("TtlDuration")
        return duration


@operation(SERVICE, "PutRecord")
def put(call: Call) -> None:
    """Keep a record, unless a later event is known. evidence/feature-store.md"""
    group = _group(call, call.request["FeatureGroupName"], _unfound)
    with call.records.database.write():
        _put(group, call.request)
        group.online.sweep()


@operation(SERVICE, "BatchWriteRecord")
def write_batch(call: Call) -> Document:
    """Keep many records; each that cannot be is answered with its error."""
    errors: list[Document] = []
    usual = {name: call.request[name] for name in ("TtlDuration",) if name in call.request}
    groups: dict[str, Group] = {}
    with call.records.database.write():
        for entry in call.request["Entries"]:
            name = entry["FeatureGroupName"]
            try:
                group = groups[name] = groups.get(name) or _group(call, name, _not_found)
                _put(group, {**usual, **entry})
            except ApiError as error:
                errors.append({"Entry": entry, "ErrorCode": error.code, "ErrorMessage": error.message})
        for group in list(groups.values())[:1]:  # one sweeps for all
            group.online.sweep()
    return {"Errors": errors, "UnprocessedEntries": []}


@operation(SERVICE, "GetRecord")
def get(call: Call) -> Document:
    """Answer a record's features; of one that is not there, nothing."""
    request = call.request
    group = _group(call, request["FeatureGroupName"], _not_found)
    wanted = _wanted(group, request)
    found = group.online.find(request["RecordIdentifierValueAsString"])
    return {} if found is None or found.deleted else _told(group, found, wanted, request)


@operation(SERVICE, "BatchGetRecord")
def get_batch(call: Call) -> Document:
    """Answer many records; those that are not there are left out, errors told of each."""
    records: list[Document] = []
    errors: list[Document] = []
    for asked in call.request["Identifiers"]:
        place, names = (
            {"FeatureGroupName": asked["FeatureGroupName"]},
            asked["RecordIdentifiersValueAsString"],
        )
        try:
            group = _group(call, asked["FeatureGroupName"], _not_found)
            wanted, found = _wanted(group, asked), group.online.find_all(set(names))
        except ApiError as error:
            why = {"ErrorCode": error.code, "ErrorMessage": error.message}
            errors += [{**place, "RecordIdentifierValueAsString": name, **why} for name in names]
            continue
        for name in dict.fromkeys(names):
            if name in found and not found[name].deleted:
                told = _told(group, found[name], wanted, call.request)
                records.append({**place, "RecordIdentifierValueAsString": name, **told})
    return {"Records": records, "Errors": errors, "UnprocessedIdentifiers": []}


@operation(SERVICE, "DeleteRecord")
def delete(call: Call) -> None:
    """Delete a record by a later event. A soft deletion that comes too late changes nothing."""
    request = call.request
    group = _group(call, request["FeatureGroupName"], _unfound)
    _check_stores(group, request)
    identifier, event = request["RecordIdentifierValueAsString"], group.event_of(request["EventTime"])
    checked([{"FeatureName": group.identifier, "ValueAsString": identifier}], dict(group.definitions))
    with call.records.database.write():
        found = group.online.find(identifier)
        late = found is not None and event <= found.event
        if request.get("DeletionMode") == "HardDelete":
            if late:
                raise Invalid(
                    f"Validation Error: the EventTime {request['EventTime']} is not later than that of the "
                    "record in the online store."
                )
            group.online.remove(identifier)
        elif not late:
            expires = expiry(event, group.ttl)
            left = {group.identifier: identifier, group.event: request["EventTime"]}
            gone = Stored(identifier=identifier, event=event, features=left, expires=expires, deleted=True)
            group.online.put(gone)


@operation(SERVICE, "ListRecords")
def page(call: Call) -> Document:
    """Answer one page of the identifiers that have a record."""
    request = call.request
    group = _group(call, request["FeatureGroupName"], _not_found)
    deleted = request.get("IncludeSoftDeletedRecords", False)
    tokens = Tokens(call.records.database, call.clock, f"{group.record.uid} {deleted}")
    after = ""
    if token := request.get("NextToken"):
        try:
            [after] = map(str, tokens.open(token))
        except ApiError as error:
            raise Invalid(f"Validation Error: {error.message}") from error
    limit = request.get("MaxResults", _PAGE)
    found = group.online.page(after, limit + 1, deleted=deleted)
    told: Document = {"RecordIdentifiers": found[:limit]}
    return told | ({"NextToken": tokens.seal([found[limit - 1]])} if len(found) > limit else {})


@operation(SERVICE, "UpdateRecord")
def update(call: Call) -> None:
    """Change some features of a record that is there. evidence/feature-store.md"""
    request = call.request
    group = _group(call, request["FeatureGroupName"], _not_found)
    _check_update(group, request)
    changes = checked(request["Features"], dict(group.definitions))
    identifier = request["RecordIdentifierValueAsString"]
    if changes.get(group.identifier, identifier) != identifier:
        raise Invalid("Validation Error: the record identifier cannot be changed.")
    with call.records.database.write():
        found = group.online.find(identifier)
        if found is None or found.deleted:
            raise _not_found(f"Resource Not Found: there is no record {identifier!r} to update.")
        event = group.event_of(changes[group.event]) if group.event in changes else found.event
        if event < found.event:
            raise ApiError(
                "The EventTime is older than that of the record.", code="ConflictException", status=409
            )
        ttl = request.get("TtlDuration")
        expires = expiry(event, ttl) if ttl else _moved(found, event)
        nulls = {each["FeatureName"] for each in request["Features"]} - {*changes, group.event}
        features = {name: value for name, value in {**found.features, **changes}.items() if name not in nulls}
        kept = Stored(identifier=identifier, event=event, features=features, expires=expires)
        group.online.put(kept)


def _put(group: Group, request: Document) -> None:
    _check_stores(group, request)
    values = checked(request["Record"], dict(group.definitions))
    identifier = values.get(group.identifier)
    if not isinstance(identifier, str) or not identifier:
        raise Invalid(f"Validation Error: the record has no value of its identifier {group.identifier!r}.")
    event = group.event_of(values.get(group.event))
    expires = expiry(event, request.get("TtlDuration") or group.ttl)
    found = group.online.find(identifier)
    if found is None or event > found.event:
        group.online.put(Stored(identifier=identifier, event=event, features=values, expires=expires))


def _group(call: Call, name: str, error: Callable[[str], ApiError]) -> Group:
    """Return a feature group by its name or ARN, if it has an online store."""
    if name.startswith("arn:"):
        record = call.records.by_arn(name)  # of another account: the policy check has let it pass
    else:
        record = call.records.find(FEATURE_GROUP, key_of(FEATURE_GROUP, {"FeatureGroupName": name}))
    if record is None or record.kind != FEATURE_GROUP.kind or record.region != call.region:
        raise error(f"Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name [{name}].")
    if not record.doc.get("OnlineStoreConfig", {}).get("EnableOnlineStore"):
        raise Invalid(
            f"Validation Error: the feature group {name} has no online store. Clary does not write offline "
            "stores yet; see docs/reference/operations.md."
        )
    definitions = {each["FeatureName"]: each for each in record.doc["FeatureDefinitions"]}
    return Group(record, definitions, OnlineStore(call.records.database, call.clock, record.uid))


def _check_stores(group: Group, request: Document) -> None:
    """Refuse what is meant for the offline store; by default it is passed over, as while it is Blocked."""
    if "OfflineStore" in request.get("TargetStores", ()):
        raise Invalid(
            f"Validation Error: the feature group {group.record.name} cannot write to an offline store: "
            "Clary has none yet; see docs/reference/operations.md. Leave OfflineStore out of TargetStores."
        )


def _check_update(group: Group, request: Document) -> None:
    _check_stores(group, request)
    tier = group.record.doc["OnlineStoreConfig"].get("StorageType", "Standard")
    if tier not in UPDATABLE:
        raise Invalid(
            f"Validation Error: the online store has the StorageType {tier}; UpdateRecord needs one of "
            f"{' and '.join(UPDATABLE)}."
        )
    if len(request["Features"]) > MOST_UPDATES:
        raise Invalid(
            f"Validation Error: Features has {len(request['Features'])} members, at most {MOST_UPDATES}."
        )
    if "TtlDuration" in request and group.event not in {each["FeatureName"] for each in request["Features"]}:
        raise Invalid(f"Validation Error: TtlDuration needs a new value of the event time {group.event!r}.")


def _wanted(group: Group, request: Document) -> list[str]:
    """Return the features asked for, in the order of their definitions."""
    names = request.get("FeatureNames")
    if names is None:
        return list(group.definitions)
    if unknown := sorted(set(names) - set(group.definitions)):
        raise Invalid(
            f"Validation Error: the feature group {group.record.name} has no feature {unknown[0]!r}."
        )
    return [name for name in group.definitions if name in names]


def _told(group: Group, found: Stored, wanted: list[str], request: Document) -> Document:
    told: Document = {"Record": list(_features(found, wanted))}
    if request.get("ExpirationTimeResponse") == "Enabled" and found.expires is not None:
        told["ExpiresAt"] = iso(found.expires)
    return told


def _features(found: Stored, wanted: list[str]) -> Iterator[Document]:
    for name in wanted:
        if name in found.features:
            value = found.features[name]
            member = "ValueAsString" if isinstance(value, str) else "ValueAsStringList"
            yield {"FeatureName": name, member: value}


def _moved(found: Stored, event: int) -> int | None:
    """Return the expiry that a record keeps when its event moves."""
    return None if found.expires is None else found.expires + event - found.event


def _unfound(words: str) -> ApiError:
    return Invalid(words)


def _not_found(words: str) -> ApiError:
    return ApiError(words, code="ResourceNotFound", status=404)
